internal import CLinux
package import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
package import SystemPackage

/// `chmod`, `chown`, `truncate`, `utimensat`.
extension MountTree {
  package func setAttributes(
    of node: NodeID, handle: HandleID?, to changes: AttributeChanges, _ caller: Caller
  ) throws(Errno) -> Attributes {
    let operation: StaticString =
      if changes.size != nil { "truncate" } else if changes.mode != nil {
        "chmod"
      } else if changes.user != nil
        || changes.group != nil
      { "chown" } else { "utimens" }
    return try answering(operation, node) {
      let record = try self.node(node)
      guard !record.place.isVirtual else { throw StorageError.reserved(record.name.description) }
      let target = try record.place == .marker ? markerDescriptor(record, handle) : reach(node, handle)
      if let size = changes.size {
        try truncate(node, record, handle, target, to: size)
        if caller.user != 0 { try clearPrivileges(node, by: target) }
      }
      if changes.user != nil || changes.group != nil {
        try Sys.chown(target, changes.user ?? uid_t.max, changes.group ?? gid_t.max)
      }
      if let mode = changes.mode { try Sys.chmod(target, mode & 0o7777) }
      if changes.accessed != nil || changes.modified != nil {
        try Sys.setTimes(target, Self.time(changes.accessed), Self.time(changes.modified))
      }
      if changes.size != nil || changes.modified != nil { wantDigest(node) }
      return attributes(try Sys.stat(target), of: record.place)
    }
  }

  private static func time(_ change: AttributeChanges.Time?) -> timespec {
    switch change {
    case .at(let moment): moment
    case .now: timespec(tv_sec: 0, tv_nsec: Int(lx_UTIME_NOW))
    case nil: timespec(tv_sec: 0, tv_nsec: Int(lx_UTIME_OMIT))
    }
  }

  private func truncate(
    _ id: NodeID, _ record: Node, _ handle: HandleID?, _ target: SharedDescriptor, to size: Int64
  ) throws {
    if case .marker(let draft)? = handle.flatMap({ handles[$0] }) {
      return try Sys.truncate(draft.descriptor, to: size)
    }
    switch record.place {
    case .marker: throw StorageError.reserved(".complete")
    case .chunk: try session(of: record.parent).checkReceiving()
    case .image, .work, .sessionWork, .workspaceEntry: break
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .userStats, .temp, .uploads, .session,
      .sessionStats, .workspace:
      throw Errno.isDirectory
    }
    if let inode = handles.inode(of: id) {
      // By a descriptor that may write; one for reading, or for the name alone, may not.
      let writer = inode.booking.withLock { $0.handles.values.first { $0.isWriter }?.descriptor }
      try truncateBooked(inode, by: try writer ?? SharedDescriptor(try Sys.reopen(target, O_WRONLY)), to: size)
    } else {
      let file = SharedDescriptor(try Sys.reopen(target, record.place == .chunk ? O_RDWR : O_WRONLY))
      let chunk = record.place == .chunk ? try session(of: record.parent).file(record.identity, file) : nil
      try storage.gate.changing { () throws(Errno) in
        try storage.sizes.holding(record.identity) { () throws(Errno) in
          let before = try Sys.stat(file)
          if let chunk {
            try chunk.truncate(to: size)
          } else {
            try storage.digests.willChange(record.identity, file)
            try Sys.truncate(file, to: size)
          }
          if size == 0 { forgetFailure(of: id, file) }
          // Somebody may have opened it meanwhile.
          if let inode = handles.inode(of: id) {
            try bookHeld(inode)
          } else if before.st_nlink > 0 {
            bookGrowth(size - Int64(before.st_size), of: id)
          }
        }
      }
    }
    if record.place == .chunk, !nodes.isOrphan(id) {
      let session = try session(of: record.parent)
      session.saved(record.name, size: size, place: handles.inode(of: id)?.chunk?.place)
    }
  }
}
