/// The chunks of one session: what is saved, by index.
struct ChunkSet: Sendable {
  struct Chunk: Hashable, Sendable {
    let name: FileName
    /// Bytes.
    var size: Int64
  }

  private(set) var chunks: [UInt64: Chunk] = [:]
  private(set) var spelling: ChunkIndex.Spelling?
  /// Bytes in all chunks.
  private(set) var bytes: Int64 = 0

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

  mutating func save(_ name: FileName, _ index: ChunkIndex, size: Int64) {
    bytes += size - (chunks[index.value]?.size ?? 0)
    chunks[index.value] = Chunk(name: name, size: size)
    spelling = index.spelling
  }

  mutating func remove(_ index: ChunkIndex) {
    guard let chunk = chunks.removeValue(forKey: index.value) else { return }
    bytes -= chunk.size
    if chunks.isEmpty { spelling = nil }
  }

  mutating func removeAll() { self = ChunkSet() }

  /// In the order of their indexes.
  var inOrder: [Chunk] { chunks.sorted { $0.key < $1.key }.map(\.value) }

  /// Indexes that are not there below the highest that is; the first `limit` of them.
  func missing(limit: Int = 1000) -> [UInt64] {
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

  /// Whether the chunks are those that a completion asks for.
  func check(against request: CompletionRequest) throws(StorageError) {
    guard !chunks.isEmpty else { throw .chunksMissing("the session has no chunks; write chunk_0 first") }
    let missing = missing(limit: 5)
    guard missing.isEmpty else {
      let list = missing.map(String.init).joined(separator: ", ")
      throw .chunksMissing(
        "missing chunk \(list)\(missing.count == 5 ? ", …" : ""); send it and write the marker again")
    }
    if let total = request.totalChunks, total != count {
      throw .chunksMissing("the session has \(count) chunks, the marker says \(total); send what is missing")
    }
    if let size = request.size, size != bytes { throw .wrongSize(expected: size, actual: bytes) }
  }
}
