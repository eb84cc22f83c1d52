internal import Glibc
internal import SystemPackage

/// How names go.
extension Namespace {
  /// Removes a file's name, wherever the file is, and books what is gone with it; a folder's is refused.
  ///
  /// The caller is within the gate, with the folder's lock and no file's.
  ///
  /// - Parameter before: told which file it is, just before its name goes.
  package func remove(
    _ name: FileName, in folder: Folder, _ place: Place, before: (FileIdentity) -> Void = { _ in }
  ) throws {
    let account = folder.account(of: place)
    let location = try location(of: name, in: folder.descriptor, folder.identity)
    guard !location.isStaged else {
      _ = try storage.removePending(name, in: folder.identity, account: account, before: before)
      return
    }
    let lost = try storage.losing(
      name, in: folder.descriptor.raw, folder.identity, from: account, before: before
    ) { () throws(Errno) in
      try Sys.unlink(name, in: folder.descriptor)
    }
    if let lost, !lost.isGone { storage.openFiles?.lostName(lost.file, name, in: folder.identity) }
  }

  /// Removes what a finished session's folder holds: its result. Of another the caller has seen that nothing is in it.
  ///
  /// The caller is within the gate.
  ///
  /// - Throws: `ENOTEMPTY` where anything else is there.
  package func clearSession(_ name: FileName, _ identity: FileIdentity, in uploads: SharedDescriptor) throws {
    let inside = try Sys.openFolder(name, in: uploads)
    let raw = inside.raw
    // The second is there where a completion could not be tidied up, and perhaps chunks.
    let results = [Layout.result, Layout.completing]
    guard try FolderStream.all(of: raw).allSatisfy({ results.contains($0.name) }) else {
      throw Errno.directoryNotEmpty
    }
    for result in results where (try? Sys.stat(result, in: raw)) != nil {
      try storage.names.holding(identity) { () throws(Errno) in
        // What has not taken its place is not counted.
        if result == Layout.completing { return try Sys.unlink(result, in: raw) }
        _ = try storage.losing(result, in: raw, identity, from: .temp) { () throws(Errno) in
          try Sys.unlink(result, in: raw)
        }
      }
    }
  }
}
