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
          try stage(found.stat, now, in: folder)
        }
      }
    }
  }

  private func stage(_ stat: stat, _ record: Node, in folder: Folder) throws {
    let staging = try storage.staging
    let file = try Sys.openPath(record.name, in: folder.descriptor)
    let raw = file.raw
    let staged = staging.nextName()
    try storage.ownWork.on(stat, raw) { () throws(Errno) in
      try staging.forget(record.identity)
      Staging.setOrigin(Origin(path: path(of: folder.id, record.name), folder: folder.node.identity), of: raw)
      do throws(Errno) {
        try Sys.rename(record.name, in: folder.descriptor, to: staged, in: staging.folder)
      } catch {
        Staging.removeOrigin(of: file)
        throw error
      }
    }
    storage.pending.add(record.name, in: folder.node.identity, staged: staged)
    let account = account(of: record.place, in: folder.id)
    storage.ledger.record(Tally(count: -1), to: account, in: folder.node.identity, file: record.identity)
    storage.ledger.record(Tally(count: 1), to: account, in: nil)
  }
}
