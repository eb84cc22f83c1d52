import Glibc

/// Time from its making, in seconds of a clock that nobody sets.
struct Stopwatch {
  private let start = Self.nanoseconds()

  var seconds: Double { Double(Self.nanoseconds() - start) / 1e9 }

  private static func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Lets time pass, for what the kernel or a server does by itself.
func pause(milliseconds: Int) {
  var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
  nanosleep(&time, nil)
}
