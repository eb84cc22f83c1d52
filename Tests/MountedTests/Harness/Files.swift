import Glibc
import Synchronization

/// Files by path and by descriptor, each call checked.
///
/// Every descriptor is close-on-exec, and is closed while no child is being spawned: a child holds copies of all
/// descriptors until it executes, and a close at that moment would not be the last one.
enum Files {
  static func open(_ path: String, _ flags: Int32, _ mode: mode_t = 0o666) throws -> Int32 {
    let descriptor = Glibc.open(path, flags | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw CallFailed("open \(path)", errno) }
    return descriptor
  }

  /// The errno of close(2), 0 when it succeeded.
  @discardableResult
  static func close(_ descriptor: Int32) -> Int32 {
    Spawning.lock.withLock { _ in Glibc.close(descriptor) < 0 ? errno : 0 }
  }

  /// Opens and closes; -1 with `errno` where opening is refused.
  static func tryOpen(_ path: String, _ flags: Int32, _ mode: mode_t = 0o666) -> Int32 {
    let descriptor = Glibc.open(path, flags | O_CLOEXEC, mode)
    guard descriptor >= 0 else { return -1 }
    let error = close(descriptor)
    errno = error
    return error == 0 ? 0 : -1
  }

  /// Creates an empty file; -1 with `errno` where that is refused.
  static func create(_ path: String) -> Int32 { tryOpen(path, O_CREAT | O_EXCL | O_WRONLY) }

  static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done) }
      guard count > 0 else { throw CallFailed("write", errno) }
      done += count
    }
  }

  /// Writes a whole file and closes it, which must succeed.
  static func write(_ bytes: [UInt8], to path: String, _ flags: Int32 = O_CREAT | O_TRUNC | O_WRONLY) throws {
    let error = writeAndClose(bytes, to: path, flags)
    guard error == 0 else { throw CallFailed("write \(path)", error) }
  }

  static func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

  /// The errno of whichever of open, write and close failed first; 0 when none did.
  static func writeAndClose(_ bytes: [UInt8], to path: String, _ flags: Int32 = O_CREAT | O_TRUNC | O_WRONLY) -> Int32 {
    do {
      let descriptor = try open(path, flags)
      do {
        try write(bytes, to: descriptor)
      } catch {
        close(descriptor)
        throw error
      }
      return close(descriptor)
    } catch let failure as CallFailed {
      return failure.errno.value
    } catch {
      return EIO
    }
  }

  static func read(_ path: String) throws -> [UInt8] {
    let descriptor = try open(path, O_RDONLY)
    defer { close(descriptor) }
    return try read(from: descriptor)
  }

  static func read(from descriptor: Int32) throws -> [UInt8] {
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { throw CallFailed("read", errno) }
      if count == 0 { return content }
      content.append(contentsOf: buffer[..<count])
    }
  }

  static func text(_ path: String) throws -> String { String(decoding: try read(path), as: UTF8.self) }

  static func stat(_ path: String) throws -> stat {
    var result = Glibc.stat()
    guard lstat(path, &result) == 0 else { throw CallFailed("lstat \(path)", errno) }
    return result
  }

  static func exists(_ path: String) -> Bool { (try? stat(path)) != nil }

  /// The permission bits.
  static func mode(_ path: String) throws -> mode_t { try stat(path).st_mode & 0o7777 }

  static func makeFolder(_ path: String) throws {
    guard mkdir(path, 0o777) == 0 else { throw CallFailed("mkdir \(path)", errno) }
  }

  /// The folder and those above it that are missing.
  static func makeFolders(_ path: String) throws {
    var made = ""
    for part in path.split(separator: "/") {
      made += "/\(part)"
      guard mkdir(made, 0o777) == 0 || errno == EEXIST else { throw CallFailed("mkdir \(made)", errno) }
    }
  }

  /// The names in a folder, sorted by their bytes, without `.` and `..`.
  static func names(in path: String) throws -> [String] {
    guard let stream = opendir(path) else { throw CallFailed("opendir \(path)", errno) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }
}
