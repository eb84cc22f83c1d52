internal import CFuse
import Glibc

/// What a READDIR request collects: entries until the reply is full.
///
/// The same call serves READDIR and READDIRPLUS: ask ``wantsAttributes`` and
/// give attributes, and count a lookup, only where it says so.
public struct DirectoryListing {
  /// Whether each entry is to come with its node and attributes (READDIRPLUS).
  public let wantsAttributes: Bool

  /// Work that makes the next request for this folder cheaper: done once this one is answered, a call at a time whenever
  /// no request waits, until it returns false. It may as well be left undone.
  public var afterwards: (() -> Bool)?

  let request: fuse_req_t?
  let buffer: UnsafeMutableRawBufferPointer
  private(set) var used = 0

  init(request: fuse_req_t?, buffer: UnsafeMutableRawBufferPointer, wantsAttributes: Bool) {
    self.request = request
    self.buffer = buffer
    self.wantsAttributes = wantsAttributes
  }

  /// Whether an entry with a name of `nameLength` bytes still fits. Ask before a lookup is counted.
  public func hasRoom(forNameOf nameLength: Int) -> Bool {
    // The kernel's records: 24 bytes (READDIRPLUS: 128 more) and the name, rounded up to 8.
    let header = wantsAttributes ? 152 : 24
    return used + (header + nameLength + 7) & ~7 <= buffer.count
  }

  /// Adds an entry of the READDIR form. `name` is closed by a zero byte; `type` is a `DT_` value;
  /// `next` is the offset behind the entry.
  ///
  /// - Returns: false where it does not fit; the entry comes again with the next request.
  public mutating func add(name: [UInt8], inode: UInt64, type: UInt8, next: UInt64) -> Bool {
    var stat = stat()
    stat.st_ino = ino_t(inode)
    stat.st_mode = mode_t(type) << 12
    return append { request, start, room in
      name.withUnsafeBufferPointer {
        $0.withMemoryRebound(to: CChar.self) {
          fuse_add_direntry(request, start, room, $0.baseAddress, &stat, off_t(truncatingIfNeeded: next))
        }
      }
    }
  }

  /// Adds an entry of the READDIRPLUS form. `.` and `..` count no lookup: give them with no node.
  ///
  /// - Returns: false where it does not fit; the lookup counted for it is then to be taken back.
  public mutating func add(name: [UInt8], entry: Entry, next: UInt64) -> Bool {
    var parameter = entry.parameter
    return append { request, start, room in
      name.withUnsafeBufferPointer {
        $0.withMemoryRebound(to: CChar.self) {
          fuse_add_direntry_plus(request, start, room, $0.baseAddress, &parameter, off_t(truncatingIfNeeded: next))
        }
      }
    }
  }

  /// What was collected, as the kernel reads it.
  var filled: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<used]) }

  /// Calls `body` for each node whose lookup the entries so far count, for the case that they reach nobody.
  ///
  /// A record of READDIRPLUS is `struct fuse_entry_out`, 128 bytes that begin with the node, then
  /// `struct fuse_dirent { u64 ino, off; u32 namelen, type; char name[] }`.
  func forEachNode(_ body: (NodeID) -> Void) {
    guard wantsAttributes else { return }
    var start = 0
    while start + 152 <= used {
      let node = buffer.loadUnaligned(fromByteOffset: start, as: UInt64.self)
      let nameLength = Int(buffer.loadUnaligned(fromByteOffset: start + 144, as: UInt32.self))
      if node != 0 { body(NodeID(rawValue: node)) }
      start += (152 + nameLength + 7) & ~7
    }
  }

  private mutating func append(_ add: (fuse_req_t?, UnsafeMutablePointer<CChar>?, Int) -> Int) -> Bool {
    let room = buffer.count - used
    let start = buffer.baseAddress.map { ($0 + used).assumingMemoryBound(to: CChar.self) }
    let size = add(request, start, room)
    guard size <= room else { return false }
    used += size
    return true
  }
}
