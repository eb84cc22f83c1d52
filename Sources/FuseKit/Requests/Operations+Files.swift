internal import CFuse
import Glibc
import SystemPackage

extension Operations {
  /// Opening and closing.
  static func setFileOperations(_ table: inout fuse_lowlevel_ops) {
    table.open = { request, inode, file in
      answer(request) { (files, caller) throws(Errno) in
        let flags = file?.pointee.flags ?? 0
        return .opened(try files.open(NodeID(inode), flags: flags, caller), of: NodeID(inode))
      }
    }
    table.create = { request, parent, name, mode, file in
      answer(request) { (files, caller) throws(Errno) in
        let flags = file?.pointee.flags ?? 0
        let (entry, opened) = try files.create(
          EntryName(name), in: NodeID(parent), mode: mode, flags: flags, caller)
        return .created(entry, opened)
      }
    }
    table.flush = { request, inode, file in
      answer(request) { (files, caller) throws(Errno) in
        try files.flush(NodeID(inode), HandleID(file), caller)
        return .done
      }
    }
    table.release = { request, inode, file in
      answer(request) { (files, _) throws(Errno) in
        files.release(NodeID(inode), HandleID(file))
        return .done
      }
    }
    table.fsync = { request, inode, dataOnly, file in
      answer(request) { (files, caller) throws(Errno) in
        try files.synchronize(NodeID(inode), HandleID(file), dataOnly: dataOnly != 0, caller)
        return .done
      }
    }
  }

  /// What moves bytes.
  static func setDataOperations(_ table: inout fuse_lowlevel_ops) {
    table.read = { request, inode, size, offset, file in
      answer(request) { (files, caller) throws(Errno) in
        guard let room = Worker.current?.room(size) else { throw .noMemory }
        let count = try files.read(NodeID(inode), HandleID(file), at: Int64(offset), into: room, caller)
        return .buffer(UnsafeRawBufferPointer(rebasing: room[..<min(max(count, 0), size)]))
      }
    }
    table.write = { request, inode, bytes, size, offset, file in
      answer(request) { (files, caller) throws(Errno) in
        let bytes = UnsafeRawBufferPointer(start: bytes, count: size)
        return .written(
          try files.write(NodeID(inode), HandleID(file), at: Int64(offset), from: bytes, caller))
      }
    }
    table.fallocate = { request, inode, mode, offset, length, file in
      answer(request) { (files, caller) throws(Errno) in
        try files.allocate(
          NodeID(inode), HandleID(file), mode: mode, offset: Int64(offset), length: Int64(length), caller)
        return .done
      }
    }
    table.lseek = { request, inode, offset, whence, file in
      answer(request) { (files, caller) throws(Errno) in
        .position(
          try files.seek(NodeID(inode), HandleID(file), offset: Int64(offset), whence: whence, caller))
      }
    }
    table.copy_file_range = {
      request, source, sourceOffset, sourceFile, target, targetOffset, targetFile, size, flags in
      answer(request) { (files, caller) throws(Errno) in
        .written(
          try files.copyRange(
            from: NodeID(source), HandleID(sourceFile), at: Int64(sourceOffset),
            to: NodeID(target), HandleID(targetFile), at: Int64(targetOffset),
            length: size, flags: flags, caller))
      }
    }
  }
}
