internal import FuseKit
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// The rename that completes an upload.
extension MountTree {
  /// A tool has written its marker under another name and moves it into place.
  func completeByRename(_ source: Side, _ target: Side, _ caller: Caller) throws {
    guard let found = source.found else { throw Errno.noSuchFileOrDirectory }
    let session = try session(of: target.folder.id)
    let file = try Sys.open(found.location.name, in: found.location.folder, O_RDONLY)
    let content = try Sys.readAll(file, limit: CompletionRequest.longestMarker + 1)
    try journal.once(caller) { _ in
      try complete(session, marker: content, for: Credentials(caller))
      if caller.request.isResent { tellAgain(of: session) }
      try storage.gate.changing {
        try storage.names.holding(source.folder.node.identity) {
          guard try find(source.name, in: source.folder) != nil else { return }
          try storage.namespace.remove(source.name, in: place(source.folder), source.place)
        }
      }
      return 0
    }
  }
}
