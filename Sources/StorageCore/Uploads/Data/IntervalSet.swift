/// A set of byte offsets, kept as disjoint ranges in order.
///
/// Chunks that follow one another make one range, so there are few.
package struct IntervalSet: Equatable, Sendable {
  package private(set) var ranges: [Range<Int64>] = []

  package init() {}

  /// Adds `range`; what is there already stays.
  package mutating func insert(_ range: Range<Int64>) {
    guard !range.isEmpty else { return }
    // All that touch it become one with it.
    let first = index { $0.upperBound >= range.lowerBound }
    let end = index { $0.lowerBound > range.upperBound }
    guard first < end else {
      ranges.insert(range, at: first)
      return
    }
    let union = min(ranges[first].lowerBound, range.lowerBound)..<max(ranges[end - 1].upperBound, range.upperBound)
    ranges.replaceSubrange(first..<end, with: [union])
  }

  /// Takes `range` out.
  package mutating func remove(_ range: Range<Int64>) {
    guard !range.isEmpty else { return }
    let first = index { $0.upperBound > range.lowerBound }
    let end = index { $0.lowerBound >= range.upperBound }
    guard first < end else { return }
    let left = ranges[first].lowerBound..<max(ranges[first].lowerBound, range.lowerBound)
    let right = min(ranges[end - 1].upperBound, range.upperBound)..<ranges[end - 1].upperBound
    ranges.replaceSubrange(first..<end, with: [left, right].filter { !$0.isEmpty })
  }

  func contains(_ offset: Int64) -> Bool {
    let candidate = index { $0.upperBound > offset }
    return candidate < ranges.count && ranges[candidate].lowerBound <= offset
  }

  /// The first member at or behind `offset`; `nil` where there is none.
  func first(from offset: Int64) -> Int64? {
    let candidate = index { $0.upperBound > offset }
    return candidate < ranges.count ? max(offset, ranges[candidate].lowerBound) : nil
  }

  /// The ranges between the members, below the last.
  var gaps: [Range<Int64>] {
    var gaps: [Range<Int64>] = []
    var end: Int64 = 0
    for range in ranges {
      if end < range.lowerBound { gaps.append(end..<range.lowerBound) }
      end = range.upperBound
    }
    return gaps
  }

  /// The end of the last range.
  var end: Int64 { ranges.last?.upperBound ?? 0 }

  /// The first range for which `condition`, which holds from some range on, holds.
  private func index(where condition: (Range<Int64>) -> Bool) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if condition(ranges[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
