internal import CFuse
import SystemPackage

extension Operations {
  /// The whole, and extended attributes.
  static func setAttributeOperations(_ table: inout fuse_lowlevel_ops) {
    table.statfs = { request, inode in
      answer(request) { (files, caller) throws(Errno) in
        .statistics(try files.statistics(of: NodeID(inode), caller))
      }
    }
    table.getxattr = { request, inode, name, room in
      answer(request) { (files, caller) throws(Errno) in
        .attribute(try files.extendedAttribute(EntryName(name), of: NodeID(inode), caller), room: room)
      }
    }
    table.listxattr = { request, inode, room in
      answer(request) { (files, caller) throws(Errno) in
        .attribute(try files.extendedAttributeNames(of: NodeID(inode), caller), room: room)
      }
    }
    table.setxattr = { request, inode, name, value, size, flags in
      answer(request) { (files, caller) throws(Errno) in
        let value = [UInt8](UnsafeRawBufferPointer(start: value, count: size))
        try files.setExtendedAttribute(EntryName(name), of: NodeID(inode), to: value, flags: flags, caller)
        return .done
      }
    }
    table.removexattr = { request, inode, name in
      answer(request) { (files, caller) throws(Errno) in
        try files.removeExtendedAttribute(EntryName(name), of: NodeID(inode), caller)
        return .done
      }
    }
  }
}
