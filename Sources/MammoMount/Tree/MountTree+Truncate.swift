internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// `truncate`, `ftruncate` and `O_TRUNC`.
extension MountTree {
  /// - Parameter target: the file, open for whatever it may be.
  func truncate(
    _ id: NodeID, _ record: Node, _ handle: HandleID?, by target: SharedDescriptor, to size: Int64
  ) throws {
    if case .marker(let draft)? = handle.flatMap({ handles[$0] }) {
      return try draft.truncate(to: size)
    }
    switch record.place {
    case .marker: throw StorageError.reserved(".complete")
    case .chunk, .image, .work, .sessionWork, .workspaceEntry: break
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .userStats, .temp, .uploads, .session,
      .sessionStats, .workspace:
      throw Errno.isDirectory
    }
    let inode = handles.inode(of: id)
    // By a descriptor that may write; one for reading, or for the name alone, may not.
    let writer = inode?.booking.withLock { $0.handles.values.first { $0.isWriter }?.descriptor }
    let file = try writer ?? SharedDescriptor(try Sys.reopen(target, record.place == .chunk ? O_RDWR : O_WRONLY))
    let chunk =
      if let inode { inode.chunk } else {
        record.place == .chunk ? try session(of: record.parent).file(record.identity, file) : nil
      }
    try truncate(id, record.identity, chunk, by: file, to: size)
  }

  /// Truncates a file by a descriptor that may write to it, and books what that changes; a chunk while no completion looks
  /// at it.
  func truncate(
    _ id: NodeID, _ identity: FileIdentity, _ chunk: ChunkFile?, by file: SharedDescriptor, to size: Int64
  ) throws {
    guard let record = nodes[id], record.place == .chunk, !nodes.isOrphan(id) else {
      return try truncateBooked(id, identity, chunk, by: file, to: size, nil)
    }
    let session = try session(of: record.parent)
    try session.changing { try truncateBooked(id, identity, chunk, by: file, to: size, session) }
  }

  private func truncateBooked(
    _ id: NodeID, _ identity: FileIdentity, _ chunk: ChunkFile?, by file: SharedDescriptor, to size: Int64,
    _ session: UploadSession?
  ) throws(Errno) {
    try storage.gate.changing { () throws(Errno) in
      try storage.sizes.holding(identity) { () throws(Errno) in
        let before = try Sys.stat(file)
        if let chunk {
          try chunk.truncate(to: size)
        } else {
          // Of one that is open for writing it has gone.
          if !isOpenForWriting(identity) { try storage.digests.willChange(before, file, storage.ownWork) }
          try Sys.truncate(file, to: size)
        }
        // Only with the lock is it certain who has it open: what nobody has any more books nothing.
        let inode = handles.inode(of: id)
        if size == 0 { forgetFailure(of: id, inode, file) }
        if let inode {
          try bookHeld(inode)
        } else if before.st_nlink > 0 {
          bookGrowth(size - Int64(before.st_size), of: id)
        }
        // One that waits for its name is no chunk of the session's yet.
        guard let session, let now = nodes[id], now.place == .chunk, !nodes.isOrphan(id),
          let folder = nodes.identity(of: now.parent), !storage.namespace.isPending(now.name, in: folder)
        else { return }
        session.saved(now.name, size: size, place: chunk?.place)
      }
    }
  }

  /// A file of which a write had failed is empty: from here on it can be whole again.
  ///
  /// - Parameter isEmpty: nothing is left of what was written; else all that was missing was written.
  func forgetFailure(of id: NodeID, _ inode: OpenInode?, _ file: SharedDescriptor, isEmpty: Bool = true) {
    if let inode, inode.booking.withLock({ $0.failure }) == nil { return }
    if let record = nodes[id], !nodes.isOrphan(id), let folder = nodes[record.parent]?.identity {
      storage.namespace.forgetFailure(ofPending: record.name, in: folder, file)
    }
    // What an open has on record goes last: by that a later server knows that there is something to forget.
    inode?.succeed(isEmpty: isEmpty)
  }
}
