import Glibc
import StorageCore
import SystemPackage

/// What `mammofs verify` does with the SHA-256 of each file: writes them to a file, or compares them with those of one.
final class ChecksumUse: Verification.Checksums {
  let export: ChecksumExport?
  let comparison: ChecksumComparison?

  init(export: ChecksumExport?, comparison: ChecksumComparison?) {
    self.export = export
    self.comparison = comparison
  }

  func came(by path: [FileName]) { comparison?.came(by: Self.bytes(path)) }

  func take(_ sha256: [UInt8], of path: [FileName]) -> Bool {
    let bytes = Self.bytes(path)
    export?.add(sha256, bytes)
    return comparison?.compare(sha256) ?? true
  }

  func take(damaged sha256: [UInt8], of path: [FileName]) { export?.add(sha256, Self.bytes(path)) }

  private static func bytes(_ path: [FileName]) -> [UInt8] {
    Array(path.map(\.bytes).joined(separator: [UInt8(ascii: "/")]))
  }
}

/// A list of checksums that is being written. It takes its name when it is whole, unless something else than a file, such
/// as `/dev/stdout`, has that.
final class ChecksumExport {
  private let path: String
  /// Where it is written before it has its name.
  private let temporary: String
  private let file: SharedDescriptor
  private var buffer: [UInt8] = []
  private var failure: Errno?

  init(_ path: String) throws {
    self.path = path
    var there = stat()
    let isFile = stat(path, &there) != 0 || there.st_mode & S_IFMT == S_IFREG
    temporary = isFile ? "\(path).new-\(getpid())" : path
    file = try Failure.explaining("write \(path)") { [temporary] () throws(Errno) in
      SharedDescriptor(try Sys.createFile(temporary))
    }
  }

  func add(_ sha256: [UInt8], _ path: [UInt8]) {
    buffer += ChecksumFile.line(sha256, path)
    if buffer.count >= 1 << 20 { write() }
  }

  private func write() {
    defer { buffer.removeAll(keepingCapacity: true) }
    guard failure == nil else { return }
    do throws(Errno) { try Sys.append(file, buffer) } catch { failure = error }
  }

  /// Gives it its name.
  func finish() throws {
    write()
    if failure == nil, temporary != path {
      do throws(Errno) { try Sys.synchronize(file) } catch { failure = error }
      if failure == nil, rename(temporary, path) != 0 { failure = Errno(rawValue: errno) }
    }
    guard let failure else { return }
    abandon()
    throw Failure("cannot write \(path): \(failure)")
  }

  /// Leaves what was there as it was.
  func abandon() { if temporary != path { unlink(temporary) } }
}

/// A store beside a list of what it should hold.
final class ChecksumComparison {
  private let name: String
  private let list: ChecksumList
  private var next = 0
  /// What the list says of the file that was met last.
  private var expected: ChecksumList.Entry?
  private var missing: [String] = []
  private var differing: [Finding] = []
  private var extra = 0
  private var alike = 0

  struct Finding: Encodable {
    let path: String
    let reason: String
  }

  struct Figures: Encodable {
    let missing: [String]
    let differing: [Finding]
    let extra: Int
    let alike: Int
    let otherLines: Int
  }

  /// - Parameter folder: what of the store is looked at, from the root on.
  init(_ path: String, below folder: [FileName]) throws {
    name = path
    let text = try Failure.explaining("read \(path)") { () throws(Errno) in
      try Sys.readUnsized(try Sys.openFile(path))
    }
    do throws(ChecksumList.Fault) {
      list = try ChecksumList(text, below: folder)
    } catch {
      throw Failure("\(path) is no list of checksums: \(error.line > 0 ? "line \(error.line) " : "")\(error.reason)")
    }
  }

  func came(by path: [UInt8]) {
    while next < list.entries.count, ChecksumList.precedes(list.entries[next].path, path) { pass() }
    expected = nil
    while next < list.entries.count, list.entries[next].path == path {
      expected = list.entries[next]
      next += 1
    }
    if expected == nil { extra += 1 }
  }

  private func pass() {
    missing.append(String(decoding: list.entries[next].path, as: UTF8.self))
    next += 1
  }

  /// Whether the file that was met last has the bytes that it should have, as far as is known.
  func compare(_ sha256: [UInt8]) -> Bool {
    guard let expected else { return true }
    guard expected.sha256 != sha256 else {
      alike += 1
      return true
    }
    differing.append(
      Finding(
        path: String(decoding: expected.path, as: UTF8.self),
        reason: "differs from \(name): its bytes have SHA-256 \(Digest.text(sha256)), there it is "
          + "\(Digest.text(expected.sha256)); restore it from a backup, unless it was replaced since"))
    return false
  }

  /// All files have been met.
  func finish() { while next < list.entries.count { pass() } }

  var text: String {
    var text = ""
    for finding in differing { text += "\(finding.path) \(finding.reason)\n" }
    for path in missing { text += "\(path) is missing: \(name) has it\n" }
    text += "\(counted(Int64(alike), "file")) as \(name) says"
    if extra > 0 { text += ", \(extra) that it does not have" }
    if list.others > 0 { text += "; \(counted(Int64(list.others), "line")) of it for something else" }
    return text + "\n"
  }

  var figures: Figures {
    Figures(missing: missing, differing: differing, extra: extra, alike: alike, otherLines: list.others)
  }

  /// Why the command fails, if it does.
  var failures: [String] {
    var parts: [String] = []
    if !differing.isEmpty { parts.append("\(counted(Int64(differing.count), "file")) not as \(name) says") }
    if !missing.isEmpty { parts.append("\(counted(Int64(missing.count), "file")) missing") }
    return parts
  }
}
