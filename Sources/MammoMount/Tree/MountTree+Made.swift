internal import FuseKit
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// `mknod` of a regular file where files wait for their names.
extension MountTree {
  /// A file that is made, and not opened.
  func makeFile(_ name: EntryName, in parent: NodeID, mode: mode_t, _ caller: Caller) throws(Errno) -> Entry {
    try answering("mknod", parent, name) {
      // An empty marker would complete the session at once.
      guard try node(parent).place != .session || name.bytes != Layout.result.bytes else {
        throw StorageError.notHere(
          ".complete", rule: "a marker is opened and written, or written under a name with a dot and renamed")
      }
    }
    var entry: Entry?
    try journal.once(caller) { isAgain throws(Errno) in
      do throws(Errno) {
        entry = try makeAndClose(name, in: parent, mode: mode, caller)
      } catch {
        // An earlier server has made it.
        guard isAgain, error == .fileExists else { throw error }
      }
      return 0
    }
    return if let entry { entry } else { try lookup(name, in: parent, caller) }
  }

  private func makeAndClose(
    _ name: EntryName, in parent: NodeID, mode: mode_t, _ caller: Caller
  ) throws(Errno) -> Entry {
    let (entry, opened) = try answering("mknod", parent, name) {
      try createAnew(name, in: parent, mode: mode, flags: O_WRONLY | O_CREAT | O_EXCL, caller)
    }
    guard let node = entry.node else { throw .staleNFSFileHandle }
    try answering("mknod", node) {
      do {
        if case .file(let file)? = handles[opened.handle] { try publish(file, durably: false) }
      } catch {
        release(node, opened.handle)
        forget(node, count: 1)
        throw error
      }
      release(node, opened.handle)
    }
    nodes.noteUnopened(node)
    return entry
  }

  /// The first open for writing of a file that was made by `mknod`: as NFS servers do it, this is how a new file begins.
  /// So it loses its name in the storage root, and gets it back when it is whole.
  func beginMade(_ id: NodeID, _ record: Node) throws {
    guard case .image = record.place, nodes.takeUnopened(id) else { return }
    let folder = try folder(record.parent)
    try storage.gate.changing {
      try storage.names.holding(folder.node.identity) {
        try storage.sizes.holding(record.identity) {
          guard let now = nodes[id], !nodes.isOrphan(id), now.name == record.name, now.parent == record.parent,
            handles.inode(of: id) == nil, let found = try find(now.name, in: folder), !found.location.isStaged,
            FileIdentity(found.stat) == now.identity, found.stat.st_size == 0
          else { return }
          try storage.namespace.unpublish(
            Namespace.Entry(folder: place(folder), name: now.name, place: now.place, found: found), found)
        }
      }
    }
  }
}
