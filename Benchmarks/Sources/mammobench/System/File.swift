import Glibc

/// An open file. Nothing lies between a call here and the system call of its name.
struct File: ~Copyable {
  /// Negative once it is closed.
  private(set) var raw: Int32
  private let path: String

  init(_ path: String, _ flags: Int32 = O_RDONLY, mode: mode_t = 0o640) throws(Failure) {
    raw = open(path, flags | O_CLOEXEC, mode)
    self.path = path
    guard raw >= 0 else { throw .system("open", path) }
  }

  deinit { if raw >= 0 { _ = Glibc.close(raw) } }

  /// The first `count` bytes of `buffer`, all of them.
  func write(_ buffer: Buffer, count: Int) throws(Failure) {
    var done = 0
    while done < count {
      let written = Glibc.write(raw, buffer.bytes.baseAddress.map { $0 + done }, count - done)
      guard written > 0 else { throw .system("write", path) }
      done += written
    }
  }

  /// Up to `count` bytes from where the last read ended; 0 at the end.
  func read(into buffer: Buffer, count: Int) throws(Failure) -> Int {
    let got = Glibc.read(raw, buffer.bytes.baseAddress, count)
    guard got >= 0 else { throw .system("read", path) }
    return got
  }

  /// `count` bytes at `offset`, which must be there.
  func read(into buffer: Buffer, count: Int, at offset: Int) throws(Failure) {
    guard pread(raw, buffer.bytes.baseAddress, count, off_t(offset)) == count else { throw .system("pread", path) }
  }

  /// What is left to read, in blocks of the buffer's size; returns its bytes.
  func readAll(into buffer: Buffer) throws(Failure) -> Int {
    var total = 0
    while true {
      let got = try read(into: buffer, count: buffer.count)
      guard got > 0 else { return total }
      total += got
    }
  }

  func synchronize() throws(Failure) {
    guard fsync(raw) == 0 else { throw .system("fsync", path) }
  }

  /// Has the page cache drop what it holds of this file.
  func dropCached() { _ = posix_fadvise(raw, 0, 0, POSIX_FADV_DONTNEED) }

  /// Close can fail, and what it says counts: a file system may publish there.
  consuming func close() throws(Failure) {
    let descriptor = raw
    raw = -1
    guard Glibc.close(descriptor) == 0 else { throw .system("close", path) }
  }
}
