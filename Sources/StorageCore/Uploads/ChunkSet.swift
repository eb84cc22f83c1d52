/// The chunks of one session: what is saved, by index.
struct ChunkSet: Sendable {
  struct Chunk: Hashable, Sendable {
    let name: FileName
    /// Bytes.
    var size: Int64
    /// Where its bytes were in the session's data file when it was closed; `nil` where the chunk had them itself. What
    /// says where they are is the chunk's file.
    var place: Int64?
  }

  private(set) var chunks: [UInt64: Chunk] = [:]
  /// Where the chunks go in the session's data file.
  var placement = ChunkPlacement()
  /// The indexes of those that are not there.
  private var unplaced: Set<UInt64> = []
  private(set) var spelling: ChunkIndex.Spelling?
  // Sparse chunks can say that they have 8 EiB each.
  private var sum: Int128 = 0

  /// Bytes in all chunks, or as many as a number can say.
  var bytes: Int64 { Int64(clamping: sum) }

  var count: Int { chunks.count }

  /// Whether a chunk of this name may be written beside those that are there.
  func check(_ name: FileName) throws(StorageError) -> ChunkIndex {
    let index = try ChunkIndex(name)
    if let spelling, spelling != index.spelling {
      throw .badName(
        name.description,
        rule: "the chunks of this session are named by \(spelling == .number ? "numbers" : "letters"), not like \(name)"
      )
    }
    if let present = chunks[index.value], present.name != name {
      throw .chunkSpelledTwice(name.description, present: present.name.description)
    }
    return index
  }

  mutating func save(_ name: FileName, _ index: ChunkIndex, size: Int64, place: Int64?) {
    let chunk = Chunk(name: name, size: size, place: place)
    let before = chunks.updateValue(chunk, forKey: index.value)
    spelling = index.spelling
    guard before != chunk else { return }
    sum += Int128(size) - Int128(before?.size ?? 0)
    if place == nil, size > 0 { unplaced.insert(index.value) } else { unplaced.remove(index.value) }
    if before != nil { placement.removed(index.value, in: chunks) }
    placement.saved(index.value, size: size, in: chunks)
  }

  /// A chunk that an earlier run left. Its bytes are in the data file already.
  mutating func restore(_ chunk: Chunk, _ index: ChunkIndex) {
    if let place = chunk.place { _ = placement.take(place..<place + chunk.size) }
    save(chunk.name, index, size: chunk.size, place: chunk.place)
  }

  mutating func remove(_ index: ChunkIndex) {
    guard let chunk = chunks.removeValue(forKey: index.value) else { return }
    sum -= Int128(chunk.size)
    unplaced.remove(index.value)
    placement.removed(index.value, in: chunks)
    if chunks.isEmpty { spelling = nil }
  }

  /// Some of the chunks that can be moved to where they belong, and where that is.
  var movable: [(chunk: Chunk, place: Int64)] {
    // A few at a time: there may be many whose place nobody knows.
    unplaced.prefix(64).compactMap { index in
      guard let chunk = chunks[index], let place = placement.place(of: index) else { return nil }
      return (chunk, place)
    }
  }

  mutating func removeAll() { self = ChunkSet() }

  /// In the order of their indexes.
  var inOrder: [Chunk] { chunks.keys.sorted().compactMap { chunks[$0] } }

  /// Indexes that are not there below the highest that is; the first `limit` of them.
  func missing(limit: Int = 1000) -> [UInt64] {
    guard let last = chunks.keys.max(), last >= chunks.count else { return [] }
    var missing: [UInt64] = []
    var expected: UInt64 = 0
    for index in chunks.keys.sorted() {
      while expected < index {
        guard missing.count < limit else { return missing }
        missing.append(expected)
        expected += 1
      }
      expected = index + 1
    }
    return missing
  }

  /// The same as JSON has them: numbers, or the names that letters make.
  var missingAsJSON: String {
    let isNamed = spelling == .letters
    return missing().map { isNamed ? "\"\(ChunkIndex(value: $0, spelling: .letters).name)\"" : String($0) }
      .joined(separator: ", ")
  }

  /// Whether the chunks are those that a completion asks for.
  func check(against request: CompletionRequest) throws(StorageError) {
    guard !chunks.isEmpty else { throw .chunksMissing("the session has no chunks; write chunk_0 first") }
    let missing = missing(limit: 5)
    guard missing.isEmpty else {
      let list =
        if spelling == .letters {
          missing.map { ChunkIndex(value: $0, spelling: .letters).name }.joined(separator: ", ")
        } else {
          "chunk " + missing.map(String.init).joined(separator: ", ")
        }
      throw .chunksMissing(
        "missing \(list)\(missing.count == 5 ? ", …" : ""); send it and write the marker again")
    }
    if let total = request.totalChunks, total != count {
      let advice = total > count ? "send what is missing" : "correct the marker, or remove the chunks that are too many"
      throw .chunksMissing(
        "the session has \(count) chunk\(count == 1 ? "" : "s"), the marker says \(total); \(advice)")
    }
    if let size = request.size, size != bytes { throw .wrongSize(expected: size, actual: bytes) }
  }
}
