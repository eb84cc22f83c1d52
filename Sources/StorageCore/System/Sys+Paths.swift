internal import CLinux
internal import Glibc
package import SystemPackage

/// The calls that take whole paths, outside the storage root or leading to it.
extension Sys {
  /// The storage root itself: the one folder that is opened by a path.
  static func openBeneathNothing(_ path: String) throws(Errno) -> Descriptor {
    let raw = try retrying { () -> CInt in
      path.withCString { lx_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
    }
    return Descriptor(owning: raw)
  }

  package static func openFile(_ path: String) throws(Errno) -> Descriptor {
    let raw = try retrying { () -> CInt in
      // A pipe that is there instead keeps nobody waiting.
      path.withCString { lx_openat(AT_FDCWD, $0, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0) }
    }
    return Descriptor(owning: raw)
  }

  /// Creates a file, or empties the one that is there.
  package static func createFile(_ path: String) throws(Errno) -> Descriptor {
    let raw = try retrying { () -> CInt in
      path.withCString { lx_openat(AT_FDCWD, $0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) }
    }
    return Descriptor(owning: raw)
  }

  /// Whether there is a byte at an offset, whatever `stat` says of the size.
  package static func hasByte(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, at offset: Int64
  ) throws(Errno) -> Bool {
    let descriptor = descriptor.raw
    var byte: UInt8 = 0
    return try retrying { pread(descriptor, &byte, 1, off_t(offset)) } > 0
  }

  /// Writes all of `bytes` where the descriptor is, as a pipe wants it.
  package static func append(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, _ bytes: [UInt8]
  ) throws(Errno) {
    let descriptor = descriptor.raw
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = try retrying { rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) } }
      rest = rest.dropFirst(count)
    }
  }

  /// Reads a file whose size `stat` does not tell, as those in /proc.
  @inline(never)
  package static func readUnsized(_ descriptor: borrowing some DescriptorReference & ~Copyable) throws(Errno) -> [UInt8]
  {
    let descriptor = descriptor.raw
    var content: [UInt8] = []
    while true {
      let before = content.count
      var length = 0
      let piece = [UInt8](unsafeUninitializedCapacity: 16384) { buffer, count in
        length = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        count = max(length, 0)
      }
      if length < 0 { throw Errno(rawValue: errno) }
      content += piece
      if content.count == before { return content }
    }
  }

  package static func realPath(_ path: String) throws(Errno) -> String {
    let resolved = path.withCString { realpath($0, nil) }
    guard let resolved else { throw Errno(rawValue: errno) }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
