internal import CLinux
package import FuseKit
internal import StorageCore
package import SystemPackage

/// Extended attributes: those of users are kept with the file in the storage root.
extension MountTree {
  package func extendedAttribute(
    _ name: EntryName, of node: NodeID, _ caller: Caller
  ) throws(Errno) -> [UInt8] {
    // Asked before each write of a file that may carry capabilities. None here does.
    if name.bytes.starts(with: "security.".utf8) { throw .noData }
    return try answering("getxattr", node) {
      let name = FileName(nulTerminated: name.nulTerminated)
      if name == Layout.digestAttribute { return try digest(of: node) }
      guard !isInternal(name) else { throw Errno.noData }
      return try Sys.extendedAttribute(name, of: try holder(node, name))
    }
  }

  package func setExtendedAttribute(
    _ name: EntryName, of node: NodeID, to value: [UInt8], flags: Int32, _ caller: Caller
  ) throws(Errno) {
    try answering("setxattr", node) {
      let name = FileName(nulTerminated: name.nulTerminated)
      try checkWritable(name)
      let holder = try holder(node, name)
      // Without a condition it may be set again.
      guard flags & lx_XATTR_CREATE != 0 else {
        return try changing(node, try self.node(node).identity) { () throws(Errno) in
          try Sys.setExtendedAttribute(name, of: holder, to: value, flags: flags)
        }
      }
      try journal.once(caller) { isAgain in
        do throws(Errno) {
          try changing(node, try self.node(node).identity) { () throws(Errno) in
            try Sys.setExtendedAttribute(name, of: holder, to: value, flags: flags)
          }
        } catch {
          // With this value it was set by the server that noted that it was about to do so.
          guard isAgain, error == .fileExists, try Sys.extendedAttribute(name, of: holder) == value else { throw error }
        }
        return 0
      }
    }
  }

  package func extendedAttributeNames(of node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    try answering("listxattr", node) {
      guard try !self.node(node).place.isVirtual else { return [] }
      let names = try Sys.extendedAttributeNames(of: try holder(node, "user."))
      return names.split(separator: 0).filter { name in
        let name = FileName(bytes: name)
        // Those of the trusted are for the trusted.
        return (name.hasPrefix("user.") || (name.hasPrefix("trusted.") && caller.user == 0)) && !isInternal(name)
      }.flatMap { $0 + [0] }
    }
  }

  package func removeExtendedAttribute(
    _ name: EntryName, of node: NodeID, _ caller: Caller
  ) throws(Errno) {
    try answering("removexattr", node) {
      let name = FileName(nulTerminated: name.nulTerminated)
      try checkWritable(name)
      let holder = try holder(node, name)
      let identity = try self.node(node).identity
      try once(caller, unlessBefore: .noData) { () throws(Errno) in
        try changing(node, identity) { () throws(Errno) in try Sys.removeExtendedAttribute(name, of: holder) }
      }
    }
  }

  /// The descriptor whose attributes are meant. Virtual files have none.
  func holder(_ id: NodeID, _ name: FileName) throws -> SharedDescriptor {
    let record = try node(id)
    guard !record.place.isVirtual else { throw Errno.notSupported }
    guard name.hasPrefix("user.") || name.hasPrefix("trusted.") else { throw Errno.notSupported }
    return try record.place == .marker ? markerDescriptor(record, nil) : reach(id)
  }

  /// The storage's own records, of where a staged file is going and the like; digests are asked for by name.
  private func isInternal(_ name: FileName) -> Bool { Layout.hiddenAttributes.contains(name) }

  /// The service's own attributes say what it found out, and nobody else writes them.
  private func checkWritable(_ name: FileName) throws(StorageError) {
    guard !name.hasPrefix(Layout.attributePrefix) else { throw .reserved(name.description) }
  }
}
