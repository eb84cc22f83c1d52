/// Where in a session's data file each chunk goes, so that a completion need not copy.
///
/// The data file is to become the image. A chunk's place is known
///
/// - where all chunks before it are saved: behind them (an uploader that sends one after the other), or
/// - where the size of a chunk is known: at its index times that (one that sends several at a time).
///
/// A place is given only where the file has nothing, and no further than to the next that it has. So a chunk never
/// runs over another, whatever sizes come, and bytes that a power cut kept from the disk show as a hole. A chunk
/// without a place keeps its bytes to itself, and is moved when its place is known.
struct ChunkPlacement: Sendable {
  /// No place is behind this; a chunk that goes further keeps its bytes to itself.
  static let furthest: Int64 = 1 << 50

  /// What the file has, or is about to have.
  private(set) var used = IntervalSet()
  /// Bytes of a chunk, once known: what the first chunk has, or two others.
  private(set) var chunkSize: Int64?
  /// How many of the first chunks lie one behind the other from the start of the file, and where the last ends.
  private var run: (count: UInt64, end: Int64) = (0, 0)
  /// Sizes seen once.
  private var sizes: Set<Int64> = []

  /// Where a chunk would go, if that is known and free.
  func place(of index: UInt64) -> Int64? {
    let place: Int64
    if index == run.count {
      place = run.end
    } else if let chunkSize, let product = Int64(exactly: index)?.multipliedReportingOverflow(by: chunkSize),
      !product.overflow
    {
      place = product.partialValue
    } else {
      return nil
    }
    return place > Self.furthest || used.contains(place) ? nil : place
  }

  /// Takes a part of the data file for a chunk that was given a place there.
  ///
  /// - Returns: false where they are not free; the chunk has to go elsewhere.
  mutating func take(_ range: Range<Int64>) -> Bool {
    if let taken = used.first(from: range.lowerBound), taken < range.upperBound { return false }
    used.insert(range)
    return true
  }

  /// Something is written there, whatever is there.
  mutating func occupy(_ range: Range<Int64>) { used.insert(range) }

  /// What was there is a hole again.
  mutating func free(_ range: Range<Int64>) { used.remove(range) }

  /// A chunk was saved.
  mutating func saved(_ index: UInt64, size: Int64, in chunks: [UInt64: ChunkSet.Chunk]) {
    if chunkSize == nil, size > 0 {
      if index == 0 || sizes.contains(size) { chunkSize = size } else { sizes.insert(size) }
    }
    extendRun(in: chunks)
  }

  /// A chunk is gone, or has other bytes now.
  mutating func removed(_ index: UInt64, in chunks: [UInt64: ChunkSet.Chunk]) {
    guard index < run.count else { return }
    run = (0, 0)
    extendRun(in: chunks)
  }

  private mutating func extendRun(in chunks: [UInt64: ChunkSet.Chunk]) {
    while let next = chunks[run.count], next.size == 0 || next.place == run.end, next.size <= Self.furthest {
      run = (run.count + 1, run.end + next.size)
    }
  }
}
