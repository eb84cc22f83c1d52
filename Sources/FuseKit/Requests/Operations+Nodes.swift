internal import CFuse
import Glibc
import SystemPackage

extension Operations {
  static func setNodeOperations(_ table: inout fuse_lowlevel_ops) {
    table.lookup = { request, parent, name in
      answer(request) { (files, caller) throws(Errno) in
        .entry(try files.lookup(EntryName(name), in: NodeID(parent), caller))
      }
    }
    table.forget = { request, inode, count in
      answer(request) { (files, _) throws(Errno) in
        files.forget(NodeID(inode), count: count)
        return .nothing
      }
    }
    table.forget_multi = { request, count, forgets in
      answer(request) { (files, _) throws(Errno) in
        for forget in UnsafeBufferPointer(start: forgets, count: count) {
          files.forget(NodeID(rawValue: forget.ino), count: forget.nlookup)
        }
        return .nothing
      }
    }
    table.getattr = { request, inode, file in
      answer(request) { (files, caller) throws(Errno) in
        .attributes(try files.attributes(of: NodeID(inode), handle: file.map { HandleID($0) }, caller))
      }
    }
    table.setattr = { request, inode, attributes, mask, file in
      answer(request) { (files, caller) throws(Errno) in
        guard let attributes else { throw .invalidArgument }
        let changes = AttributeChanges(attributes.pointee, mask: mask)
        let handle = file.map { HandleID($0) }
        return .attributes(try files.setAttributes(of: NodeID(inode), handle: handle, to: changes, caller))
      }
    }
    table.readlink = { request, inode in
      answer(request) { (files, caller) throws(Errno) in
        .bytes(try files.readSymbolicLink(NodeID(inode), caller))
      }
    }
  }
}

extension AttributeChanges {
  /// What `mask`, a set of FUSE_SET_ATTR_ bits, picks from `stat`.
  init(_ stat: stat, mask: CInt) {
    self.init()
    if mask & FUSE_SET_ATTR_MODE != 0 { mode = stat.st_mode }
    if mask & FUSE_SET_ATTR_UID != 0 { user = stat.st_uid }
    if mask & FUSE_SET_ATTR_GID != 0 { group = stat.st_gid }
    if mask & FUSE_SET_ATTR_SIZE != 0 { size = Int64(stat.st_size) }
    if mask & FUSE_SET_ATTR_ATIME_NOW != 0 {
      accessed = .now
    } else if mask & FUSE_SET_ATTR_ATIME != 0 {
      accessed = .at(stat.st_atim)
    }
    if mask & FUSE_SET_ATTR_MTIME_NOW != 0 {
      modified = .now
    } else if mask & FUSE_SET_ATTR_MTIME != 0 {
      modified = .at(stat.st_mtim)
    }
  }
}
