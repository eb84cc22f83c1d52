internal import CLinux
package import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
package import SystemPackage

/// The bytes of open files, where the kernel does not move them by itself.
extension MountTree {
  /// An open file of the storage root.
  private func file(_ handle: HandleID) throws(Errno) -> OpenFile {
    guard case .file(let file)? = handles[handle] else { throw .badFileDescriptor }
    return try readable(file)
  }

  /// Never zeros where there were bytes.
  private func readable(_ file: OpenFile) throws(Errno) -> OpenFile {
    if file.inode.isLost { throw .ioError }
    return file
  }

  package func read(
    _ node: NodeID, _ handle: HandleID, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer,
    _ caller: Caller
  ) throws(Errno) -> Int {
    try answering("read", node) {
      switch handles[handle] {
      case .file(let file):
        if let chunk = try readable(file).inode.chunk { return try chunk.read(at: offset, into: buffer) }
        return try Sys.read(file.descriptor, at: offset, into: buffer)
      case .marker(let draft): return try Sys.read(draft.descriptor, at: offset, into: buffer)
      case .snapshot(let content):
        guard offset >= 0, offset < content.count else { return 0 }
        let piece = content[Int(offset)...].prefix(buffer.count)
        buffer.copyBytes(from: piece)
        return piece.count
      case .refusals(let reader, let user):
        if user != caller.process { handles.uses(handle, by: caller.process) }
        return reader.read(at: offset, into: buffer)
      case .folder, nil: throw Errno.badFileDescriptor
      }
    }
  }

  package func write(
    _ node: NodeID, _ handle: HandleID, at offset: Int64, from bytes: UnsafeRawBufferPointer, _ caller: Caller
  ) throws(Errno) -> Int {
    try answering("write", node) {
      switch handles[handle] {
      case .file(let file):
        // What is not written is missing.
        if file.inode.isLost { file.fail(.ioError) }
        return try write(try readable(file), at: offset, bytes, caller)
      case .marker(let draft): return try draft.write(at: offset, bytes)
      case .snapshot, .refusals, .folder, nil: throw Errno.badFileDescriptor
      }
    }
  }

  private func write(_ file: OpenFile, at offset: Int64, _ bytes: UnsafeRawBufferPointer, _ caller: Caller) throws
    -> Int
  {
    setClosing(file, false)
    try clearPrivileges(file.inode, by: file.descriptor, caller)
    do {
      // One that comes again may have been what used the space up.
      if !caller.request.isResent { try storage.freeSpace.admit(Int64(bytes.count)) }
      if let chunk = file.inode.chunk {
        try chunk.write(bytes, at: offset, index: index(of: file))
      } else {
        try Sys.writeAll(file.descriptor, at: offset, bytes)
      }
    } catch {
      noteFailure(error, of: file, at: offset, bytes.count)
      throw error
    }
    filled(file, at: offset, bytes.count)
    return bytes.count
  }

  /// A writer that goes on after an error must not leave a file that looks whole: one that has no name yet gets none.
  private func noteFailure(_ error: any Error, of file: OpenFile, at offset: Int64, _ count: Int) {
    guard needsAllBytes(file.inode) else { return }
    let code = (error as? StorageError)?.errno ?? error as? Errno ?? .ioError
    file.fail(code, missing: offset..<offset.addingClamped(Int64(count)))
  }

  /// Something was written: where it is all that was missing the file is whole.
  private func filled(_ file: OpenFile, at offset: Int64, _ count: Int) {
    let isWhole = file.inode.booking.withLock { booking in
      guard booking.failure != nil else { return false }
      booking.missing.remove(offset..<offset.addingClamped(Int64(count)))
      return booking.missing.ranges.isEmpty
    }
    // Unless another write has failed since.
    if isWhole { forgetFailure(of: file.inode.node, file.inode, file.descriptor, isEmpty: false) }
  }

  /// The index by which a chunk has its place; `nil` while it has a work name.
  private func index(of file: OpenFile) -> ChunkIndex? {
    file.state.withLock { $0.chunk.flatMap { try? ChunkIndex($0.name) } }
  }

  package func synchronize(
    _ node: NodeID, _ handle: HandleID, dataOnly: Bool, _ caller: Caller
  ) throws(Errno) {
    try answering("fsync", node) {
      switch handles[handle] {
      case .file(let file): try distrusting(file) { try synchronize(file, dataOnly: dataOnly) }
      case .marker(let draft): try Sys.synchronize(draft.descriptor)
      case .snapshot, .refusals: return
      case .folder, nil: throw Errno.badFileDescriptor
      }
    }
  }

  private func synchronize(_ file: OpenFile, dataOnly: Bool) throws {
    try book(file.inode)
    tellTimes(file)
    // What is not whole gets no name.
    if let failure = failure(of: file) { throw ToldBefore(errno: failure) }
    try refuseIfCutShort(file)
    if let chunk = file.inode.chunk { try chunk.synchronize() }
    if try publish(file, durably: true) { return }
    if let record = nodes[file.inode.node],
      record.place == .image(.images) || record.place == .image(.thumbnails) || record.place == .chunk,
      !nodes.isOrphan(file.inode.node)
    {
      try Sys.synchronizeData(file.descriptor)
      try storage.namespace.wasSynchronized(record.identity, file.descriptor)
      return try Sys.synchronizeFolder(try descriptor(of: record.parent))
    }
    if dataOnly { try Sys.synchronizeData(file.descriptor) } else { try Sys.synchronize(file.descriptor) }
    // What is renamed after that is kept under the name that it gets, whoever has it open.
    file.inode.noteSynchronized()
    if let record = nodes[file.inode.node], let folder = nodes.identity(of: record.parent) {
      storage.namespace.noteSynchronized(pending: record.name, in: folder)
    }
  }

  package func allocate(
    _ node: NodeID, _ handle: HandleID, mode: Int32, offset: Int64, length: Int64, _ caller: Caller
  ) throws(Errno) {
    try answering("fallocate", node) {
      if case .marker(let draft)? = handles[handle] {
        return try draft.allocate(mode: mode, offset: offset, length: length)
      }
      let file = try file(handle)
      // On record, because what comes again finds its own space used up.
      try journal.once(caller) { isAgain in
        if mode & lx_FALLOC_FL_PUNCH_HOLE == 0, !isAgain { try storage.freeSpace.admit(length) }
        try file.inode.chunk?.bringHome()
        try clearPrivileges(file.inode, by: file.descriptor, caller)
        try Sys.allocate(file.descriptor, mode: mode, offset: offset, length: length)
        try file.inode.chunk?.resized()
        try book(file.inode)
        return 0
      }
    }
  }

  package func seek(
    _ node: NodeID, _ handle: HandleID, offset: Int64, whence: Int32, _ caller: Caller
  ) throws(Errno) -> Int64 {
    try answering("lseek", node) {
      guard case .file(let file)? = handles[handle] else {
        // What is made here has no holes.
        let size: Int64
        switch handles[handle] {
        case .snapshot(let content): size = Int64(content.count)
        case .refusals(let reader, _): size = reader.size
        case .marker(let draft): size = Int64(try Sys.stat(draft.descriptor).st_size)
        case .file, .folder, nil: throw Errno.badFileDescriptor
        }
        return try Self.seekDense(offset, whence, size: size)
      }
      // A chunk in the data file has no holes.
      if let chunk = try readable(file).inode.chunk, chunk.place != nil {
        return try Self.seekDense(offset, whence, size: Int64(try Sys.stat(file.descriptor).st_size))
      }
      return try Sys.seek(file.descriptor, offset: offset, whence: whence)
    }
  }

  private static func seekDense(_ offset: Int64, _ whence: Int32, size: Int64) throws(Errno) -> Int64 {
    guard offset >= 0, offset < size else { throw .noSuchAddressOrDevice }
    return whence == lx_SEEK_HOLE ? size : offset
  }

  package func copyRange(
    from source: NodeID, _ sourceHandle: HandleID, at sourceOffset: Int64,
    to target: NodeID, _ targetHandle: HandleID, at targetOffset: Int64,
    length: Int, flags: Int32, _ caller: Caller
  ) throws(Errno) -> Int {
    try answering("copy_file_range", target) {
      // Where one is no plain file of the storage root (a marker, what is made here, a chunk), the kernel reads and
      // writes instead.
      guard case .file(let source)? = handles[sourceHandle], case .file(let target)? = handles[targetHandle],
        source.inode.chunk == nil, target.inode.chunk == nil
      else { throw Errno.notSupported }
      let (from, to) = (try readable(source), try readable(target))
      let (copied, _) = try journal.once(caller) { isAgain in
        let copied: Int
        do {
          if !isAgain { try storage.freeSpace.admit(Int64(length)) }
          try clearPrivileges(to.inode, by: to.descriptor, caller)
          copied = try Sys.copyRange(
            from: from.descriptor.raw, at: sourceOffset, to: to.descriptor.raw, at: targetOffset, length: length)
        } catch {
          // What cannot be copied so is read and written instead.
          switch error as? Errno {
          case .invalidArgument?, .improperLink?, .notSupported?, .noFunction?: break
          default: noteFailure(error, of: to, at: targetOffset, length)
          }
          throw error
        }
        filled(to, at: targetOffset, copied)
        try book(to.inode)
        return Int64(copied)
      }
      return Int(copied)
    }
  }
}
