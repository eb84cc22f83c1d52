internal import FuseKit
internal import Glibc
package import StorageCore
internal import Synchronization
package import SystemPackage

/// What the storage asks of the mount: who has which files open.
extension MountTree: OpenFilesQuery {
  package func isOpen(_ file: FileIdentity) -> Bool {
    if handles.isOpen(file) { return true }
    // A marker is no file of the session's folder until it has done its work.
    guard let (_, node) = nodes.find(file), node.place == .session else { return false }
    return handles.isMarkerOpen(in: node.name)
  }

  package func allOpen() -> OpenFiles { handles.openFiles }

  package func isOpenForWriting(_ file: FileIdentity) -> Bool {
    handles.inode(file)?.booking.withLock { $0.writers > 0 } ?? false
  }

  package func isOpen(_ chunk: ChunkFile) -> Bool { handles.openInodes.contains { $0.chunk === chunk } }

  package func openSize(_ file: FileIdentity) -> Int64? {
    guard let inode = handles.inode(file) else { return nil }
    // A size that cannot be learnt is the disk's, which the caller looks up itself.
    return try? inode.booking.withLock { booking throws(Errno) in
      guard let descriptor = booking.handles.values.first?.descriptor else { return booking.size }
      booking.size = Int64(try Sys.stat(descriptor).st_size)
      return booking.size
    }
  }

  package func bookedSize(_ file: FileIdentity) -> Int64? { handles.inode(file)?.booking.withLock { $0.size } }

  package func bookGrowth(of file: FileIdentity) throws(Errno) -> Int64? {
    guard let inode = handles.inode(file) else { return nil }
    return try bookHeld(inode)
  }

  package func account(ofFolder folder: FileIdentity) -> Account {
    guard let (id, node) = nodes.find(folder), case .month(let area) = node.place else { return .temp }
    return account(of: .image(area), in: id)
  }

  package func failure(of file: FileIdentity) -> Errno? { handles.inode(file)?.booking.withLock { $0.failure } }

  package func isSynchronized(_ file: FileIdentity) -> Bool {
    handles.inode(file)?.booking.withLock { $0.isSynchronized } ?? false
  }

  package func isBeingWritten(_ file: FileIdentity) -> Bool {
    guard let inode = handles.inode(file) else { return false }
    return inode.booking.withLock { booking in
      booking.handles.values.contains { file in
        file.isWriter && !file.state.withLock { $0.isClosing || $0.isReleasing }
      }
    }
  }

  package func renamed(_ file: FileIdentity, from source: Namespace.Entry, to target: Namespace.Entry) {
    guard let (old, _) = nodes.find(source.folder.identity), let (new, _) = nodes.find(target.folder.identity) else {
      return
    }
    nodes.renamed(
      file, from: (old, source.name),
      to: Node(place: target.place, parent: new, name: target.name, identity: file))
  }

  package func lostName(_ file: FileIdentity, _ name: FileName, in folder: FileIdentity) {
    if let (id, _) = nodes.find(folder) { nodes.lostName(file, name, in: id) }
  }

  package func retarget(_ file: FileIdentity, to chunk: (session: UploadSession, name: FileName)?) {
    if let inode = handles.inode(file) { retarget(inode, to: chunk) }
  }

  /// Whoever writes to a file goes on, as a writer of another chunk or of none. Until it is closed, no completion of its
  /// session begins.
  func retarget(_ inode: OpenInode, to chunk: (session: UploadSession, name: FileName)?) {
    for file in inode.booking.withLock({ Array($0.handles.values) }) where file.isWriter {
      let (before, isClosing) = file.state.withLock { state in
        let before = state.chunk
        // It may have been opened by its new name already.
        if let chunk, before?.session === chunk.session, before?.name == chunk.name { return (before, nil as Bool?) }
        state.chunk = chunk
        return (before, state.isClosing)
      }
      guard let isClosing else { continue }
      if let chunk { chunk.session.adopted(chunk.name, isClosing: isClosing) }
      if let before { before.session.closed(before.name, wasClosing: isClosing) }
    }
  }

  /// A file of the workspace is about to become an image. Whether who has it open is done with it was not asked at its
  /// close, and its release may be on the way.
  func askWriters(of name: FileName, _ stat: stat) {
    guard let inode = handles.inode(FileIdentity(stat)) else { return }
    let holders = DescriptorHolders(name: name, inode: inode.identity.inode)
    for file in inode.booking.withLock({ Array($0.handles.values) })
    where file.isWriter && holders.afterClose(opener: file.opener, processes) == .none {
      setClosing(file, true)
    }
  }
}
