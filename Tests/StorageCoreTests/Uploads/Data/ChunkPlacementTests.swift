import Testing

@testable import StorageCore

@Suite("The place of a chunk in the data file")
struct ChunkPlacementTests {
  /// Writes and saves a chunk as a client would; returns where it went.
  @discardableResult
  private func send(_ index: UInt64, _ size: Int64, to set: inout ChunkSet) -> Int64? {
    var place = set.placement.place(of: index)
    if let start = place, !set.placement.take(start..<start + size) { place = nil }
    set.save(FileName("chunk_\(index)"), ChunkIndex(value: index), size: size, place: place)
    return place
  }

  @Test("one after the other, of any size: each behind the one before")
  func sequential() {
    var set = ChunkSet()
    #expect(send(0, 10, to: &set) == 0)
    #expect(send(1, 3, to: &set) == 10)
    #expect(send(2, 700, to: &set) == 13)
    #expect(send(3, 0, to: &set) == 713)
    #expect(send(4, 1, to: &set) == 713)
  }

  @Test("several at a time, of one size: at the index times the size, the last one shorter")
  func parallel() {
    var set = ChunkSet()
    #expect(send(0, 10, to: &set) == 0)
    #expect(send(5, 4, to: &set) == 50)
    #expect(send(3, 10, to: &set) == 30)
    #expect(send(1, 10, to: &set) == 10)
    #expect(send(4, 10, to: &set) == 40)
    #expect(send(2, 10, to: &set) == 20)
  }

  @Test("nobody knows the place of what comes before the size is known, until it is")
  func unknown() {
    var set = ChunkSet()
    #expect(send(2, 10, to: &set) == nil)
    #expect(set.movable.isEmpty)
    #expect(send(1, 10, to: &set) == nil)
    #expect(set.movable.map(\.place).sorted() == [10, 20])
    #expect(send(0, 10, to: &set) == 0)
  }

  @Test("a chunk that grows over its neighbour's place has to go")
  func collision() {
    var set = ChunkSet()
    send(0, 10, to: &set)
    send(2, 10, to: &set)
    #expect(set.placement.place(of: 1) == 10)
    let (fits, overruns) = (set.placement.take(10..<20), !set.placement.take(20..<21))
    #expect(fits && overruns)
  }

  @Test("a place is given once, and again when it is a hole")
  func freed() {
    var set = ChunkSet()
    send(0, 10, to: &set)
    send(1, 10, to: &set)
    set.remove(ChunkIndex(value: 1))
    #expect(set.placement.place(of: 1) == nil)
    set.placement.free(10..<20)
    #expect(set.placement.place(of: 1) == 10)
  }

  @Test("a chunk of another size in the middle moves those behind it")
  func replaced() {
    var set = ChunkSet()
    for index in 0..<3 as Range<UInt64> { send(index, 10, to: &set) }
    set.save("chunk_1", ChunkIndex(value: 1), size: 4, place: nil)
    #expect(send(3, 10, to: &set) == 30, "by its index: what is behind chunk 1 is not where it will be")
  }

  @Test("an index beyond all bounds has no place")
  func overflow() {
    var set = ChunkSet()
    send(0, .max / 2, to: &set)
    #expect(set.placement.place(of: ChunkIndex.largest) == nil)
  }
}
