package import Glibc
package import SystemPackage

/// What a file's attribute `user.mammofs.sha256` says: the SHA-256 of its bytes, and of which bytes.
///
/// The size and the time of modification are those of the bytes it was made from. A file that has others has changed
/// since, and its digest is stale: it says nothing, and is made anew. Opening a file for writing, or truncating it,
/// takes the attribute away before anything changes, so that a change which puts the times back is none to be missed.
package struct Digest: Hashable, Sendable {
  /// 32 bytes.
  package let sha256: [UInt8]
  /// Bytes.
  package let size: Int64
  /// Nanoseconds since 1970.
  package let modified: Int64

  package init(sha256: [UInt8], of stat: stat) {
    self.sha256 = sha256
    size = Int64(stat.st_size)
    modified = Clock.nanoseconds(stat.st_mtim)
  }

  /// In lower-case hexadecimal, as the mount shows it.
  package var text: String { Self.text(sha256) }

  package static func text(_ sha256: [UInt8]) -> String {
    sha256.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  // MARK: On disk

  // 48 bytes, so that ext4 keeps them in the inode: 64 digits would take a block of their own.

  init?(stored bytes: [UInt8]) {
    guard bytes.count == 48 else { return nil }
    sha256 = Array(bytes[..<32])
    size = Self.number(bytes[32..<40])
    modified = Self.number(bytes[40...])
  }

  var stored: [UInt8] { sha256 + Self.bytes(size) + Self.bytes(modified) }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int64 {
    Int64(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) })
  }

  private static func bytes(_ number: Int64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
  }

  // MARK: What it is worth

  /// What is known of a file by its attribute.
  package enum State: Equatable {
    /// There is none, or none that can be understood.
    case absent
    /// The file has been changed since.
    case stale(Digest)
    case current(Digest)
    /// The size has changed and the time of modification has not: whatever did that was no program that writes files.
    case cut(Digest)
  }

  package static func state(_ digest: Digest?, of stat: stat) -> State {
    guard let digest else { return .absent }
    guard digest.modified == Clock.nanoseconds(stat.st_mtim) else { return .stale(digest) }
    return digest.size == Int64(stat.st_size) ? .current(digest) : .cut(digest)
  }

  /// What a file's attribute says.
  ///
  /// - Throws: what reading it met, but not that there is none.
  static func read(from file: borrowing some DescriptorReference & ~Copyable) throws(Errno) -> Digest? {
    do throws(Errno) {
      return Digest(stored: try Sys.extendedAttribute(Layout.digestAttribute, of: file))
    } catch .noData {
      return nil
    } catch .notSupported {
      return nil
    }
  }

  /// What is known of a file.
  package static func state(of file: borrowing some DescriptorReference & ~Copyable) throws(Errno) -> State {
    state(try read(from: file), of: try Sys.stat(file))
  }

  /// Whatever the file's mode says: it is that of who may change the file's bytes.
  func write(to file: borrowing some DescriptorReference & ~Copyable) throws(Errno) {
    let raw = file.raw
    try Sys.asOwner(of: raw) { () throws(Errno) in
      try Sys.setExtendedAttribute(Layout.digestAttribute, of: raw, to: stored)
    }
  }

  /// Takes a file's digest away, before the file is changed.
  package static func remove(from file: borrowing some DescriptorReference & ~Copyable) throws(Errno) {
    let raw = file.raw
    do throws(Errno) {
      try Sys.asOwner(of: raw) { () throws(Errno) in
        try Sys.removeExtendedAttribute(Layout.digestAttribute, of: raw)
      }
    } catch .noData {
      return
    } catch .notSupported {
      return
    }
  }
}
