import Glibc

/// Memory to read into and write from, touched beforehand and filled with bytes that do not compress. Its owner is one
/// thread at a time.
final class Buffer: @unchecked Sendable {
  let bytes: UnsafeMutableRawBufferPointer
  var count: Int { bytes.count }

  init(count: Int) {
    bytes = .allocate(byteCount: count, alignment: 4096)
    var random = Xorshift(seed: 0x6d61_6d6d_6f66_7301)
    for offset in stride(from: 0, to: count & ~7, by: 8) {
      bytes.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
    }
  }

  deinit { bytes.deallocate() }
}

/// The same numbers in each run, for each target.
struct Xorshift: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
