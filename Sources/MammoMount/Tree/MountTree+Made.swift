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
      try createAnew(name, in: parent, mode: mode, flags: O_WRONLY | O_CREAT | O_EXCL, caller, isRecorded: true)
    }
    guard let node = entry.node else { throw .staleNFSFileHandle }
    let identity = FileIdentity(entry.attributes.stat)
    try answering("mknod", node) {
      do {
        if case .file(let file)? = handles[opened.handle] { try publish(file, durably: false) }
      } catch {
        release(node, opened.handle)
        forget(node, count: 1)
        // The caller is told that there is no such file, whatever the release has made of it.
        let folder = try folder(parent)
        let name = FileName(nulTerminated: name.nulTerminated)
        undoCreate(name, in: folder, try folder.node.place.child(name), identity)
        throw error
      }
      release(node, opened.handle)
    }
    nodes.noteUnopened(node)
    return entry
  }

  /// The first open for writing of a file that was made by `mknod`: as NFS servers do it, this is how a new file begins.
  /// So it loses its name in the storage root, and gets it back when it is whole.
  ///
  /// - Returns: whether it has.
  func beginMade(_ id: NodeID, _ record: Node) throws -> Bool {
    guard case .image = record.place, nodes.takeUnopened(id) else { return false }
    let folder = try folder(record.parent)
    return try storage.gate.changing {
      try storage.names.holding(folder.node.identity) {
        try storage.sizes.holding(record.identity) {
          guard let now = nodes[id], !nodes.isOrphan(id), now.name == record.name, now.parent == record.parent,
            handles.inode(of: id) == nil, let found = try find(now.name, in: folder), !found.location.isStaged,
            FileIdentity(found.stat) == now.identity, found.stat.st_size == 0
          else { return false }
          try storage.namespace.unpublish(
            Namespace.Entry(folder: place(folder), name: now.name, place: now.place, found: found), found)
          return true
        }
      }
    }
  }

  /// The open that was to begin a file has failed: the file is as it was made.
  func endMade(_ id: NodeID, _ record: Node) {
    do {
      let folder = try folder(record.parent)
      try storage.gate.changing {
        try storage.names.holding(folder.node.identity) {
          try storage.sizes.holding(record.identity) {
            // Somebody else may have opened it, and sees to it.
            guard handles.inode(of: id) == nil, let now = nodes[id], !nodes.isOrphan(id),
              let found = try find(now.name, in: folder), found.location.isStaged, found.identity == now.identity
            else { return }
            let file = SharedDescriptor(try Sys.open(found.location.name, in: found.location.folder, O_RDONLY))
            try storage.namespace.publish(
              Namespace.Entry(folder: place(folder), name: now.name, place: now.place, found: found), file,
              now.identity, size: Int64(found.stat.st_size), chunk: nil, durably: false)
            nodes.noteUnopened(id)
          }
        }
      }
    } catch {
      noteUnattended(error, "open", id)
    }
  }
}
