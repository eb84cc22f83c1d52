import SystemPackage
import Testing

@testable import StorageCore

@Suite("The chunks of a session")
struct ChunkSetTests {
  private func set(_ names: [FileName], size: Int64 = 10) throws -> ChunkSet {
    var set = ChunkSet()
    for name in names { set.save(name, try set.check(name), size: size, place: nil) }
    return set
  }

  @Test("their order is by value, never by spelling")
  func order() throws {
    let names: [FileName] = ["chunk_10", "chunk_2", "chunk_0", "chunk_1", "chunk_009"]
    #expect(
      try set(names).inOrder.map(\.name) == ["chunk_0", "chunk_1", "chunk_2", "chunk_009", "chunk_10"])
    #expect(
      try set(["chunk_zaaa", "chunk_yz", "chunk_aa"]).inOrder.map(\.name) == ["chunk_aa", "chunk_yz", "chunk_zaaa"])
  }

  @Test("a sum that no number holds is the largest there is, and right again once it fits")
  func enormous() throws {
    var set = try set(["chunk_0", "chunk_1", "chunk_2"], size: .max)
    #expect(set.bytes == .max)
    try set.remove(ChunkIndex("chunk_0"))
    set.save("chunk_1", try set.check("chunk_1"), size: 5, place: nil)
    set.save("chunk_2", try set.check("chunk_2"), size: 6, place: nil)
    #expect(set.bytes == 11)
    try set.remove(ChunkIndex("chunk_1"))
    try set.remove(ChunkIndex("chunk_2"))
    #expect(set.bytes == 0)
  }

  @Test("a second spelling of an index that is there is EEXIST")
  func spelledTwice() throws {
    let set = try set(["chunk_7"])
    for name in ["chunk_07", "chunk_007"] {
      refuses(.fileExists, says: "\(name) is the same chunk as chunk_7") { _ = try set.check(FileName(name)) }
    }
    #expect(try set.check("chunk_7").value == 7)
  }

  @Test("numbers and letters are not mixed in one session")
  func mixed() throws {
    refuses(.invalidArgument, says: "named by numbers") { _ = try set(["chunk_0"]).check("chunk_ab") }
    refuses(.invalidArgument, says: "named by letters") { _ = try set(["chunk_aa"]).check("chunk_1") }
  }

  @Test("a session that lost all its chunks may begin with the other spelling")
  func spellingAnew() throws {
    var set = try set(["chunk_0", "chunk_1"])
    set.remove(ChunkIndex(value: 0))
    refuses(.invalidArgument) { _ = try set.check("chunk_aa") }
    set.remove(ChunkIndex(value: 1))
    #expect(set.bytes == 0)
    #expect(try set.check("chunk_aa") == ChunkIndex(value: 0, spelling: .letters))
  }

  @Test("a chunk that is written again replaces the first")
  func replaced() throws {
    var set = try set(["chunk_0", "chunk_1"])
    set.save("chunk_0", ChunkIndex(value: 0), size: 3, place: nil)
    #expect(set.count == 2)
    #expect(set.bytes == 13)
    set.remove(ChunkIndex(value: 5))
    #expect(set.bytes == 13)
  }

  @Test("what is missing is every gap below the highest index")
  func missing() throws {
    #expect(ChunkSet().missing() == [])
    #expect(try set(["chunk_0", "chunk_1"]).missing() == [])
    #expect(try set(["chunk_4", "chunk_1"]).missing() == [0, 2, 3])
    #expect(try set(["chunk_ad"]).missing() == [0, 1, 2])
    #expect(try set(["chunk_999999999"]).missing(limit: 3) == [0, 1, 2])
    #expect(try set(["chunk_999999999"]).missing().count == 1000)
  }

  @Test("a completion wants all of them, and as many as it says")
  func completion() throws {
    var request = CompletionRequest(.workspace)
    refuses(.noData, says: "no chunks") { try ChunkSet().check(against: request) }
    refuses(.noData, says: "missing chunk 0;") { try set(["chunk_1"]).check(against: request) }
    refuses(.noData, says: "missing chunk 1, 3;") {
      try set(["chunk_0", "chunk_2", "chunk_4"]).check(against: request)
    }
    let two = try set(["chunk_0", "chunk_1"])
    try two.check(against: request)
    for total in [0, 1, 3] {
      request.totalChunks = total
      refuses(.noData, says: "the marker says \(total)") { try two.check(against: request) }
    }
    request.totalChunks = 2
    try two.check(against: request)
  }

  @Test("a completion wants the size it says")
  func sizes() throws {
    var request = CompletionRequest(.workspace)
    let chunks = try set(["chunk_0", "chunk_1"])
    request.size = 19
    #expect(throws: StorageError.wrongSize(expected: 19, actual: 20)) { try chunks.check(against: request) }
    request.size = 20
    try chunks.check(against: request)
    request.size = 0
    try set(["chunk_0"], size: 0).check(against: request)
  }
}
