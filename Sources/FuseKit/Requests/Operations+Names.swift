internal import CFuse
import Glibc
import SystemPackage

extension Operations {
  static func setNameOperations(_ table: inout fuse_lowlevel_ops) {
    table.mknod = { request, parent, name, mode, device in
      answer(request) { (files, caller) throws(Errno) in
        .entry(
          try files.makeNode(EntryName(name), in: NodeID(parent), mode: mode, device: device, caller))
      }
    }
    table.mkdir = { request, parent, name, mode in
      answer(request) { (files, caller) throws(Errno) in
        .entry(try files.makeDirectory(EntryName(name), in: NodeID(parent), mode: mode, caller))
      }
    }
    table.symlink = { request, target, parent, name in
      answer(request) { (files, caller) throws(Errno) in
        let target = EntryName(target).nulTerminated.dropLast()
        return .entry(
          try files.makeSymbolicLink(EntryName(name), in: NodeID(parent), to: [UInt8](target), caller))
      }
    }
    table.link = { request, inode, parent, name in
      answer(request) { (files, caller) throws(Errno) in
        .entry(try files.link(NodeID(inode), as: EntryName(name), in: NodeID(parent), caller))
      }
    }
    table.unlink = { request, parent, name in
      answer(request) { (files, caller) throws(Errno) in
        try files.unlink(EntryName(name), in: NodeID(parent), caller)
        return .done
      }
    }
    table.rmdir = { request, parent, name in
      answer(request) { (files, caller) throws(Errno) in
        try files.removeDirectory(EntryName(name), in: NodeID(parent), caller)
        return .done
      }
    }
    table.rename = { request, parent, name, newParent, newName, flags in
      answer(request) { (files, caller) throws(Errno) in
        try files.rename(
          EntryName(name), in: NodeID(parent), to: EntryName(newName), in: NodeID(newParent),
          flags: flags, caller)
        return .done
      }
    }
  }
}
