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
        try truncate(node, record, handle, by: target, to: size)
        if caller.user != 0 { try clearPrivileges(node, by: target) }
      }
      let isKept =
        try record.place == .root
        && storage.changeTop(mode: changes.mode.map { UInt32($0) & 0o7777 }, user: changes.user, group: changes.group)
      // With the file's lock: the storage may be about to put the mode back.
      try changing(node, record.identity) { () throws(Errno) in
        if !isKept, changes.user != nil || changes.group != nil {
          try Sys.chown(target, changes.user ?? uid_t.max, changes.group ?? gid_t.max)
        }
        if !isKept, let mode = changes.mode { try Sys.chmod(target, mode & 0o7777) }
        if changes.accessed != nil || changes.modified != nil {
          try Sys.setTimes(target, Self.time(changes.accessed), Self.time(changes.modified))
        }
      }
      if changes.size != nil || changes.modified != nil { wantDigest(node) }
      return attributes(try Sys.stat(target), of: record.place, node)
    }
  }

  private static func time(_ change: AttributeChanges.Time?) -> timespec {
    switch change {
    case .at(let moment): moment
    case .now: timespec(tv_sec: 0, tv_nsec: Int(lx_UTIME_NOW))
    case nil: timespec(tv_sec: 0, tv_nsec: Int(lx_UTIME_OMIT))
    }
  }
}
