import FoundationEssentials
import Glibc
import SystemPackage

@testable import StorageCore

/// A storage root for one test, looked at and changed behind the storage's back.
///
/// It stands in an empty folder of its own, so that what leads out of the root shows beside it.
struct TemporaryRoot {
  let outside: String
  var path: String { outside + "/root" }

  /// Calls `body` with a root that is not there yet; all of it goes afterwards.
  static func with<Result>(_ body: (TemporaryRoot) throws -> Result) throws -> Result {
    let root = try TemporaryRoot(outside: folder())
    defer { try? FileManager.default.removeItem(atPath: root.outside) }
    return try body(root)
  }

  static func withAsync<Result>(_ body: (TemporaryRoot) async throws -> Result) async throws -> Result {
    let root = try TemporaryRoot(outside: folder())
    defer { try? FileManager.default.removeItem(atPath: root.outside) }
    return try await body(root)
  }

  private static func folder() throws -> String {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/mammofs-core-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// An initialized storage whose figures are exact.
  func storage() throws -> Storage {
    let storage = try Storage(path: path)
    try storage.initialize(as: "a test")
    storage.waitUntilCounted()
    return storage
  }

  // MARK: Behind its back

  subscript(_ relative: String) -> String { "\(path)/\(relative)" }

  func makeFolder(_ relative: String) throws {
    try FileManager.default.createDirectory(atPath: self[relative], withIntermediateDirectories: true)
  }

  /// Writes a file; folders on the way are made.
  func plant(_ relative: String, _ bytes: [UInt8]) throws {
    var names = relative.split(separator: "/")
    names.removeLast()
    if !names.isEmpty { try makeFolder(names.joined(separator: "/")) }
    try Data(bytes).write(to: URL(filePath: self[relative]))
  }

  func bytes(_ relative: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: self[relative]))) }

  func exists(_ relative: String) -> Bool {
    var found = Glibc.stat()
    return lstat(self[relative], &found) == 0
  }

  func stat(_ relative: String) throws -> stat {
    var found = Glibc.stat()
    guard lstat(self[relative], &found) == 0 else { throw Errno(rawValue: errno) }
    return found
  }

  func list(_ relative: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: self[relative]).sorted()
  }

  func remove(_ relative: String) throws { try FileManager.default.removeItem(atPath: self[relative]) }

  /// Sets a file's or folder's times to so many hours ago.
  func age(_ relative: String, hours: Int) throws { try setTimes(relative, accessed: hours, modified: hours) }

  /// The same of several, those that are in others first.
  func age(_ relatives: [String], hours: Int) throws {
    for relative in relatives { try age(relative, hours: hours) }
  }

  /// Both in hours ago.
  func setTimes(_ relative: String, accessed: Int, modified: Int) throws {
    let moments = [accessed, modified].map { timespec(tv_sec: time(nil) - $0 * 3600, tv_nsec: 0) }
    guard utimensat(AT_FDCWD, self[relative], moments, AT_SYMLINK_NOFOLLOW) == 0 else {
      throw Errno(rawValue: errno)
    }
  }

  func makeLink(_ relative: String, to target: String) throws {
    guard symlink(target, self[relative]) == 0 else { throw Errno(rawValue: errno) }
  }
}
