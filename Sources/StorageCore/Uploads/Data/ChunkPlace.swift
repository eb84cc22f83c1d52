internal import Glibc
internal import SystemPackage

/// What a chunk's attribute says of its bytes in the session's data file: where they begin, and what is in their edges.
///
/// After a power cut, bytes that did not reach the disk show as a hole, but only by whole blocks. Where a chunk shares its
/// first or last block with a neighbour, that block may be there without the chunk's part of it. So the attribute has a
/// hash of those two parts, once the chunk was closed.
struct ChunkPlace: Equatable {
  /// Offset in the data file.
  let start: Int64
  /// Of the parts of shared blocks; `nil` where there are none, or the chunk was not closed yet.
  let edges: UInt64?

  /// Bytes. No file system below writes less at a time.
  private static let block: Int64 = 4096

  init(start: Int64) { self.init(start: start, edges: nil) }

  /// Reads the edges of a chunk as they are now.
  init(_ start: Int64, size: Int64, in data: borrowing some DescriptorReference & ~Copyable) throws(Errno) {
    self.init(start: start, edges: try Self.hash(of: start..<start + size, in: data))
  }

  private init(start: Int64, edges: UInt64?) {
    self.start = start
    self.edges = edges
  }

  /// What is noted on a chunk that is found on disk; `nil` where it has its bytes itself.
  ///
  /// An error is no answer: taken for «has them itself», it would make zeros of them.
  static func noted(on chunk: borrowing some DescriptorReference & ~Copyable) throws(Errno) -> ChunkPlace? {
    let raw = chunk.raw
    let value = try whereNoted { () throws(Errno) in
      try Sys.asOwner(of: raw) { () throws(Errno) in try Sys.extendedAttribute(Layout.placeAttribute, of: raw) }
    }
    guard let value, let place = ChunkPlace(noted: value) else { return nil }
    return place.isPossible(size: Int64(try Sys.stat(chunk).st_size)) ? place : nil
  }

  /// The same of the chunk that is called `name`, which is not opened for it.
  static func start(
    notedOn name: FileName, size: Int64, in folder: borrowing some DescriptorReference & ~Copyable
  ) throws(Errno) -> Int64? {
    let folder = folder.raw
    let value = try whereNoted { () throws(Errno) in
      try Sys.extendedAttribute(Layout.placeAttribute, of: name, in: folder)
    }
    guard let value, let place = ChunkPlace(noted: value) else { return nil }
    return place.isPossible(size: size) ? place.start : nil
  }

  private static func whereNoted(_ value: () throws(Errno) -> [UInt8]) throws(Errno) -> [UInt8]? {
    do throws(Errno) {
      return try value()
    } catch {
      guard error == .noData || error == .notSupported else { throw error }
      return nil
    }
  }

  private init?(noted value: [UInt8]) {
    let words = value.split(separator: 0x20, omittingEmptySubsequences: false)
    guard words.count <= 2, let first = words.first, let start = Int64(String(decoding: first, as: UTF8.self)) else {
      return nil
    }
    let edges = words.count == 2 ? UInt64(String(decoding: words[1], as: UTF8.self), radix: 16) : nil
    self.init(start: start, edges: edges)
  }

  /// Anybody may have planted one, or stretched the file: the sum of place and size is a number all the same.
  private func isPossible(size: Int64) -> Bool {
    (0...ChunkPlacement.furthest).contains(start) && size <= ChunkPlacement.furthest
  }

  func note(on chunk: borrowing some DescriptorReference & ~Copyable) throws(Errno) {
    let text = edges.map { "\(start) \(String($0, radix: 16))" } ?? "\(start)"
    let raw = chunk.raw
    try Sys.asOwner(of: raw) { () throws(Errno) in
      try Sys.setExtendedAttribute(Layout.placeAttribute, of: raw, to: Array(text.utf8))
    }
  }

  static func remove(from chunk: SharedDescriptor) throws(Errno) {
    try Sys.asOwner(of: chunk) { () throws(Errno) in
      try Sys.removeExtendedAttribute(Layout.placeAttribute, of: chunk)
    }
  }

  /// Whether the edges in the data file are those that were noted.
  func hasEdges(size: Int64, in data: borrowing some DescriptorReference & ~Copyable) -> Bool {
    guard let edges else { return true }
    return (try? Self.hash(of: start..<start + size, in: data)) == edges
  }

  /// Bytes rounded up to what is a whole number of blocks on any file system below.
  static func wholeBlocks(_ size: Int64) -> Int64 { (size + 65535) / 65536 * 65536 }

  /// The blocks that are a chunk's alone.
  static func unshared(of range: Range<Int64>) -> Range<Int64> {
    let start = min((range.lowerBound + block - 1) / block * block, range.upperBound)
    return start..<max(start, range.upperBound / block * block)
  }

  /// FNV-1a of the parts of blocks at both ends that others may share; `nil` where there are none.
  private static func hash(
    of range: Range<Int64>, in data: borrowing some DescriptorReference & ~Copyable
  ) throws(Errno) -> UInt64? {
    let own = unshared(of: range)
    let (head, tail) = (range.lowerBound..<own.lowerBound, own.upperBound..<range.upperBound)
    guard !head.isEmpty || !tail.isEmpty else { return nil }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for part in [head, tail] where !part.isEmpty {
      for byte in try Sys.readAll(data, from: part.lowerBound, limit: part.count) {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
      }
    }
    return hash
  }
}
