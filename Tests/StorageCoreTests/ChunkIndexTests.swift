import Testing

@testable import StorageCore

@Suite("The index of a chunk")
struct ChunkIndexTests {
  @Test(
    "numbers count as numbers, however they are spelled",
    arguments: [
      ("chunk_0", 0), ("chunk_7", 7), ("chunk_007", 7), ("chunk_10", 10), ("chunk_999999999", 999_999_999),
    ] as [(FileName, UInt64)])
  func numbers(name: FileName, value: UInt64) throws {
    #expect(try ChunkIndex(name) == ChunkIndex(value: value, spelling: .number))
  }

  @Test(
    "letters count as split makes them, through its widening",
    arguments: [
      ("chunk_aa", 0), ("chunk_ab", 1), ("chunk_ba", 26), ("chunk_yz", 649), ("chunk_zaaa", 650),
      ("chunk_zyzz", 17549), ("chunk_zzaaaa", 17550),
    ] as [(FileName, UInt64)])
  func letters(name: FileName, value: UInt64) throws {
    #expect(try ChunkIndex(name) == ChunkIndex(value: value, spelling: .letters))
    #expect(ChunkIndex(value: value, spelling: .letters).name == name.description)
  }

  @Test(
    "anything else is no chunk",
    arguments: [
      "chunk_", "chunk", "chunk_-1", "chunk_1a", "chunk_a", "chunk_za", "chunk_AA", "chunk_ 1",
      "chunk_1000000000", "chunk_99999999999999999999", "Chunk_1", "part_1",
    ] as [FileName])
  func refused(name: FileName) {
    #expect(throws: StorageError.self) { try ChunkIndex(name) }
  }
}
