internal import CLinux
internal import Glibc
package import SystemPackage

/// The calls that move or settle bytes.
extension Sys {
  @inline(never)
  package static func read(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, at offset: Int64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int {
    let descriptor = descriptor.raw
    return try retrying { pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) }
  }

  /// One `pwrite`; may write less than there is.
  @inline(never)
  package static func write(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, at offset: Int64, from bytes: UnsafeRawBufferPointer
  ) throws(Errno) -> Int {
    let descriptor = descriptor.raw
    return try retrying { pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset)) }
  }

  /// Writes all of `bytes` at `offset`.
  @inline(never)
  package static func writeAll(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, at offset: Int64, _ bytes: [UInt8]
  ) throws(Errno) {
    let descriptor = descriptor.raw
    var done = 0
    while done < bytes.count {
      done += try retrying { () -> Int in
        bytes.withUnsafeBytes { raw in
          pwrite(descriptor, raw.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset) + off_t(done))
        }
      }
    }
  }

  /// Writes all of `bytes` at `offset`.
  @inline(never)
  package static func writeAll(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, at offset: Int64, _ bytes: UnsafeRawBufferPointer
  ) throws(Errno) {
    let descriptor = descriptor.raw
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      done += try write(descriptor, at: offset + Int64(done), from: rest)
    }
  }

  /// All bytes from `offset` on, `limit` at most.
  @inline(never)
  package static func readAll(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, from offset: Int64 = 0, limit: Int
  ) throws(Errno) -> [UInt8] {
    let descriptor = descriptor.raw
    let size = min(max(Int(try stat(descriptor).st_size) - Int(offset), 0), limit)
    var filled = 0
    var failure: Errno?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while filled < size {
        let got = pread(
          descriptor, buffer.baseAddress.map { $0 + filled }, size - filled, off_t(offset) + off_t(filled))
        if got < 0, errno == EINTR { continue }
        if got < 0 { failure = Errno(rawValue: errno) }
        if got <= 0 { break }
        filled += got
      }
      count = filled
    }
    if let failure { throw failure }
    return bytes
  }

  /// `fsync`.
  @inline(never)
  package static func synchronize(_ descriptor: borrowing some DescriptorReference & ~Copyable) throws(Errno) {
    let descriptor = descriptor.raw
    _ = try retrying { fsync(descriptor) }
  }

  /// `fdatasync`.
  @inline(never)
  package static func synchronizeData(_ descriptor: borrowing some DescriptorReference & ~Copyable) throws(Errno) {
    let descriptor = descriptor.raw
    _ = try retrying { fdatasync(descriptor) }
  }

  /// Starts writing dirty pages out and does not wait. A hint: what goes wrong shows at the next `fsync`.
  @inline(never)
  package static func startWriteback(_ descriptor: borrowing some DescriptorReference & ~Copyable) {
    let descriptor = descriptor.raw
    _ = lx_start_writeback(descriptor, 0, 0)
  }

  /// As ``startWriteback(_:)``, for a part of the file.
  @inline(never)
  package static func startWriteback(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, at offset: Int64, length: Int64
  ) {
    let descriptor = descriptor.raw
    _ = lx_start_writeback(descriptor, offset, length)
  }

  /// Has the kernel let go of what it has read of a file, so that its holes show. What is not written yet stays.
  package static func forgetCached(_ descriptor: borrowing some DescriptorReference & ~Copyable) {
    _ = posix_fadvise(descriptor.raw, 0, 0, POSIX_FADV_DONTNEED)
  }

  /// Sees to it that what a power cut takes of a part of the file shows as a hole.
  ///
  /// Once a block was written out, the last of the file above all, a later write changes it in place, and after a power cut
  /// it may be there as it was before. Such blocks are written out again; mostly there are none, and nobody waits.
  @inline(never)
  package static func settleBlocks(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, at offset: Int64, length: Int64
  ) throws(Errno) {
    guard length > 0 else { return }
    let descriptor = descriptor.raw
    _ = try retrying { lx_settle_blocks(descriptor, offset, length) }
  }

  /// Frees what a part of the file occupies; it reads as zeros then. The size stays.
  ///
  /// Where the file system cannot do that, nothing happens.
  @inline(never)
  package static func punch(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, offset: Int64, length: Int64
  ) throws(Errno) {
    do throws(Errno) {
      try allocate(
        descriptor.raw, mode: lx_FALLOC_FL_PUNCH_HOLE | lx_FALLOC_FL_KEEP_SIZE, offset: offset, length: length)
    } catch .notSupported {
      return
    }
  }

  @inline(never)
  package static func allocate(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, mode: CInt, offset: Int64, length: Int64
  ) throws(Errno) {
    let descriptor = descriptor.raw
    _ = try retrying { lx_fallocate(descriptor, mode, offset, length) }
  }

  @inline(never)
  package static func seek(_ descriptor: borrowing some DescriptorReference & ~Copyable, offset: Int64, whence: CInt)
    throws(Errno) -> Int64
  {
    let descriptor = descriptor.raw
    return Int64(try check(Int(lseek(descriptor, off_t(offset), whence))))
  }

  /// One `copy_file_range`; 0 at the end of the source.
  @inline(never)
  package static func copyRange(
    from source: borrowing some DescriptorReference & ~Copyable, at sourceOffset: Int64,
    to target: borrowing some DescriptorReference & ~Copyable, at targetOffset: Int64, length: Int
  ) throws(Errno) -> Int {
    let source = source.raw
    let target = target.raw
    var from = sourceOffset
    var to = targetOffset
    return try retrying { lx_copy_file_range(source, &from, target, &to, length) }
  }

  /// Copies a part of a file inside the kernel: shared blocks where the file system has them, else bytes.
  ///
  /// - Returns: how many bytes there were, fewer than `length` only at the end of the source.
  package static func copyAll(
    from source: CInt, at sourceOffset: Int64, to target: CInt, at targetOffset: Int64, length: Int64
  ) throws(Errno) -> Int64 {
    if length > 0,
      (try? cloneRange(from: source, at: sourceOffset, length: length, to: target, at: targetOffset)) != nil
    {
      return length
    }
    var done: Int64 = 0
    while done < length {
      let copied = try copyRange(
        from: source, at: sourceOffset + done, to: target, at: targetOffset + done, length: Int(length - done))
      if copied == 0 { break }
      done += Int64(copied)
    }
    return done
  }

  /// As ``copyAll(from:at:to:at:length:)``, leaving holes of the source as they are in the target.
  package static func copySparse(
    from source: CInt, at sourceOffset: Int64, to target: CInt, at targetOffset: Int64, length: Int64
  ) throws(Errno) {
    let end = sourceOffset + length
    var position = sourceOffset
    while position < end {
      let start: Int64
      do throws(Errno) {
        start = try seek(source, offset: position, whence: lx_SEEK_DATA)
      } catch .noSuchAddressOrDevice {
        // A hole up to the end.
        return
      }
      guard start < end else { return }
      position = min(try seek(source, offset: start, whence: lx_SEEK_HOLE), end)
      let copied = try copyAll(
        from: source, at: start, to: target, at: targetOffset + (start - sourceOffset), length: position - start)
      guard copied == position - start else { throw .ioError }
    }
  }

  /// `ioctl(FICLONERANGE)`: the target shares the source's blocks.
  @inline(never)
  package static func cloneRange(
    from source: borrowing some DescriptorReference & ~Copyable, at sourceOffset: Int64, length: Int64,
    to target: borrowing some DescriptorReference & ~Copyable, at targetOffset: Int64
  ) throws(Errno) {
    let source = source.raw
    let target = target.raw
    _ = try retrying { lx_clone_range(source, sourceOffset, length, target, targetOffset) }
  }

  // MARK: Extended attributes

  // A descriptor opened with O_PATH has no f*xattr; the calls then go by the link in /proc to what it holds.

  @inline(never)
  package static func extendedAttribute(_ name: FileName, of descriptor: borrowing some DescriptorReference & ~Copyable)
    throws(Errno) -> [UInt8]
  {
    let descriptor = descriptor.raw
    return try grown { buffer in
      name.withCString { lx_getxattr_descriptor(descriptor, $0, buffer.baseAddress, buffer.count) }
    }
  }

  /// `getxattrat` (Linux 6.13) of a file that is not opened for it; what else is called `name` is not followed.
  @inline(never)
  static func extendedAttribute(_ attribute: FileName, of name: FileName, in folder: CInt) throws(Errno) -> [UInt8] {
    try grown { buffer in
      name.withCString { name in
        attribute.withCString { lx_getxattr_at(folder, name, $0, buffer.baseAddress, buffer.count) }
      }
    }
  }

  @inline(never)
  package static func extendedAttributeNames(of descriptor: borrowing some DescriptorReference & ~Copyable)
    throws(Errno) -> [UInt8]
  {
    let descriptor = descriptor.raw
    return try grown { buffer in
      buffer.withMemoryRebound(to: CChar.self) { lx_listxattr_descriptor(descriptor, $0.baseAddress, $0.count) }
    }
  }

  @inline(never)
  package static func setExtendedAttribute(
    _ name: FileName, of descriptor: borrowing some DescriptorReference & ~Copyable, to value: [UInt8], flags: CInt = 0
  ) throws(Errno) {
    let descriptor = descriptor.raw
    let result = value.withUnsafeBytes { bytes in
      name.withCString { lx_setxattr_descriptor(descriptor, $0, bytes.baseAddress, bytes.count, flags) }
    }
    _ = try check(result)
  }

  @inline(never)
  package static func removeExtendedAttribute(
    _ name: FileName, of descriptor: borrowing some DescriptorReference & ~Copyable
  ) throws(Errno) {
    let descriptor = descriptor.raw
    _ = try check(name.withCString { lx_removexattr_descriptor(descriptor, $0) })
  }

  /// Calls with a buffer that is large enough for most values and, on ERANGE, with the largest there can be.
  private static func grown(_ call: (UnsafeMutableBufferPointer<UInt8>) -> Int) throws(Errno) -> [UInt8] {
    for room in [1024, 65536] {
      var length = 0
      let value = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        length = call(buffer)
        count = max(length, 0)
      }
      if length >= 0 { return value }
      let error = errno
      guard error == ERANGE, room == 1024 else { throw Errno(rawValue: error) }
    }
    return []
  }
}
