internal import CLinux
internal import Glibc
package import SystemPackage

/// One entry of a folder in the storage root.
package struct FolderEntry: Sendable {
  package let name: FileName
  package let inode: UInt64
  /// A `DT_` value; `DT_UNKNOWN` where the file system does not tell.
  package let type: UInt8
  /// Where reading goes on behind this entry; the file system's own cookie.
  package let next: Int64
}

/// Reads a folder in pieces, from any position that it has returned before.
///
/// The corresponding C function is `getdents64`.
package struct FolderStream {
  private let folder: CInt
  private var buffer: [UInt8] = []
  private var cursor = 0
  /// Where in the buffer the entry that ``next()`` returned last begins.
  private var last = 0
  /// The cookie of the entry that ``next()`` returns.
  package private(set) var position: Int64 = 0

  /// `folder` is a descriptor opened for reading that nobody else reads through.
  ///
  /// - Parameter wasRead: somebody has read through it before, and it is anywhere.
  package init(_ folder: CInt, wasRead: Bool = false) {
    self.folder = folder
    if wasRead { position = -1 }
  }

  package mutating func seek(to position: Int64) throws(Errno) {
    guard position != self.position else { return }
    _ = try Sys.seek(folder, offset: position, whence: SEEK_SET)
    buffer.removeAll(keepingCapacity: true)
    cursor = 0
    self.position = position
  }

  /// The next entry but `.` and `..`, or `nil` at the end.
  package mutating func next() throws(Errno) -> FolderEntry? {
    while true {
      if cursor >= buffer.count {
        try refill()
        if buffer.isEmpty { return nil }
      }
      let entry = parse()
      position = entry.next
      if !entry.name.isDots { return entry }
    }
  }

  /// Goes back before `entry`, which ``next()`` has just returned from `position`.
  ///
  /// It comes again without being read again: a folder that is read on from the middle costs the file system below as
  /// much as one read from there to the end of a buffer.
  package mutating func putBack(before position: Int64) {
    self.position = position
    cursor = last
  }

  /// Up to so many names that ``next()`` is about to return.
  package mutating func upcoming(_ limit: Int) throws(Errno) -> [FileName] {
    if cursor >= buffer.count { try refill() }
    let (start, last) = (cursor, last)
    defer { (cursor, self.last) = (start, last) }
    var names: [FileName] = []
    while cursor < buffer.count, names.count < limit { names.append(parse().name) }
    return names
  }

  private mutating func refill() throws(Errno) {
    var length = 0
    buffer = [UInt8](unsafeUninitializedCapacity: 32768) { bytes, count in
      length = lx_getdents64(folder, bytes.baseAddress, 32768)
      count = max(length, 0)
    }
    cursor = 0
    guard length >= 0 else { throw Errno(rawValue: errno) }
  }

  private mutating func parse() -> FolderEntry {
    let start = cursor
    last = start
    return buffer.withUnsafeBytes { raw in
      let inode = raw.loadUnaligned(fromByteOffset: start, as: UInt64.self)
      let next = raw.loadUnaligned(fromByteOffset: start + 8, as: Int64.self)
      let length = Int(raw.loadUnaligned(fromByteOffset: start + 16, as: UInt16.self))
      let type = raw[start + 18]
      let field = raw[(start + 19)..<(start + length)]
      let end = field.firstIndex(of: 0) ?? field.endIndex
      cursor = start + length
      return FolderEntry(name: FileName(bytes: raw[(start + 19)..<end]), inode: inode, type: type, next: next)
    }
  }

  /// All entries of a folder.
  package static func all(
    of folder: borrowing some DescriptorReference & ~Copyable
  ) throws(Errno) -> [FolderEntry] {
    let own = try Sys.reopen(folder, O_RDONLY | O_DIRECTORY)
    var stream = FolderStream(own.raw)
    var entries: [FolderEntry] = []
    while let entry = try stream.next() { entries.append(entry) }
    return entries
  }
}
