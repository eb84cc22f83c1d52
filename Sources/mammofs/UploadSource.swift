import Glibc
import StorageCore
import SystemPackage

/// The file that is uploaded, and how it was when that began: what changes meanwhile was never a whole file.
struct UploadSource: Sendable {
  let file: SharedDescriptor
  /// Bytes.
  let size: Int64
  private let path: String
  /// Nanoseconds since 1970.
  private let modified: Int64

  init(_ path: String) throws {
    self.path = path
    var there = stat()
    guard stat(path, &there) == 0 else { throw Failure("cannot open \(path): \(Errno(rawValue: errno))") }
    // Before it is opened, which may wait for a pipe's writer, or wind a tape.
    try Self.check(there, path)
    let file = try Failure.explaining("open \(path)") { () throws(Errno) in SharedDescriptor(try Sys.openFile(path)) }
    let found = try Failure.explaining("read \(path)") { () throws(Errno) in try Sys.stat(file) }
    try Self.check(found, path)
    self.file = file
    size = Int64(found.st_size)
    modified = Clock.nanoseconds(found.st_mtim)
    try checkEnd()
  }

  private static func check(_ stat: stat, _ path: String) throws {
    let kind: String
    switch stat.st_mode & S_IFMT {
    case S_IFREG: return
    case S_IFDIR: kind = "a folder"
    case S_IFIFO: kind = "a pipe"
    case S_IFSOCK: kind = "a socket"
    default: kind = "a device"
    }
    throw Failure("\(path) is \(kind), not a regular file; upload a file")
  }

  /// Whether it is still what it was. To be asked when all of it was read, and before it is stored.
  func checkUnchanged() throws {
    let now = try Failure.explaining("read \(path)") { () throws(Errno) in try Sys.stat(file) }
    guard Int64(now.st_size) == size, Clock.nanoseconds(now.st_mtim) == modified else {
      throw Failure("\(path) was changed while it was read, and nothing was stored; upload it again when it is whole")
    }
    try checkEnd()
  }

  /// It has no byte behind its size. Files that are made while they are read, as those in /proc, say that they are empty.
  private func checkEnd() throws {
    let more = try Failure.explaining("read \(path)") { () throws(Errno) in
      try Sys.hasByte(file, at: size)
    }
    guard !more else { throw Failure("\(path) has more than the \(size) bytes that it says; \(Self.advice)") }
  }

  /// What is said where it ends early.
  var isShort: Failure { Failure("\(path) has fewer than the \(size) bytes that it says; \(Self.advice)") }

  private static let advice = "it is being changed, or made while it is read; upload a copy of it"
}
