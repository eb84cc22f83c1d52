import Testing

@testable import StorageCore

@Suite("A set of byte ranges")
struct IntervalSetTests {
  private func set(_ ranges: Range<Int64>...) -> IntervalSet {
    var set = IntervalSet()
    for range in ranges { set.insert(range) }
    return set
  }

  @Test("ranges that touch are one")
  func touching() {
    #expect(set(0..<5, 5..<9).ranges == [0..<9])
    #expect(set(5..<9, 0..<5).ranges == [0..<9])
    #expect(set(0..<2, 4..<6, 1..<5).ranges == [0..<6])
    #expect(set(4..<6, 0..<2).ranges == [0..<2, 4..<6])
    #expect(set(3..<3).ranges.isEmpty)
  }

  @Test("taking out of the middle leaves both ends")
  func removing() {
    var ranges = set(0..<10, 20..<30)
    ranges.remove(4..<6)
    #expect(ranges.ranges == [0..<4, 6..<10, 20..<30])
    ranges.remove(5..<25)
    #expect(ranges.ranges == [0..<4, 25..<30])
    ranges.remove(0..<100)
    #expect(ranges.ranges.isEmpty)
  }

  @Test("what is in it, what comes next, and what lies between")
  func asking() {
    let ranges = set(2..<4, 8..<9)
    #expect(!ranges.contains(1) && ranges.contains(2) && ranges.contains(3) && !ranges.contains(4))
    #expect(ranges.first(from: 0) == 2 && ranges.first(from: 3) == 3 && ranges.first(from: 4) == 8)
    #expect(ranges.first(from: 9) == nil)
    #expect(ranges.gaps == [0..<2, 4..<8])
    #expect(ranges.end == 9)
  }

  @Test("it holds what a plain set of offsets holds, after any sequence of steps")
  func random() {
    var source = SystemRandomNumberGenerator()
    let seed = source.next()
    var generator = SplitMix(state: seed)
    var ranges = IntervalSet()
    var model = Set<Int64>()
    for _ in 0..<2000 {
      let start = Int64(generator.next() % 60)
      let range = start..<start + Int64(generator.next() % 12)
      if generator.next() % 3 == 0 {
        ranges.remove(range)
        model.subtract(range)
      } else {
        ranges.insert(range)
        model.formUnion(range)
      }
      #expect(Set(ranges.ranges.flatMap(Array.init)) == model, "seed \(seed)")
      #expect(
        zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound }, "seed \(seed)")
    }
  }
}

/// Numbers that a seed determines.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
