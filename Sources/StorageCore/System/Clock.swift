package import Glibc

/// The time of day; everything that decides by time takes it as a parameter and gets it from here.
package enum Clock {
  /// Seconds since 1970.
  package static func now() -> Int64 { Int64(time(nil)) }

  /// Nanoseconds since 1970.
  package static func nowInNanoseconds() -> Int64 {
    var value = timespec()
    clock_gettime(CLOCK_REALTIME, &value)
    return nanoseconds(value)
  }

  /// Whether a moment (seconds since 1970) can have been the time of day: a year of four digits.
  static func canBe(_ moment: Int64) -> Bool { (0...253_402_300_799).contains(moment) }

  /// Nanoseconds between 1970 and a moment. What lies further away than 292 years, as anybody may say of a file, is as far.
  package static func nanoseconds(_ moment: timespec) -> Int64 {
    let (seconds, isFar) = Int64(moment.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    return isFar ? moment.tv_sec < 0 ? .min : .max : seconds.addingClamped(Int64(moment.tv_nsec))
  }

  /// The year and month of a moment, local time.
  package static func yearAndMonth(at moment: Int64) -> (year: Int, month: Int) {
    let fields = local(moment)
    return (Int(fields.tm_year) + 1900, Int(fields.tm_mon) + 1)
  }

  /// `2026-11-24T15:04:05+01:00`, local time.
  package static func timestamp(at moment: Int64 = now()) -> String {
    var fields = local(moment)
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 40) { buffer in
      let length = strftime(buffer.baseAddress, buffer.count, "%Y-%m-%dT%H:%M:%S%z", &fields)
      return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    guard text.utf8.count == 24 else { return text }
    return text.dropLast(2) + ":" + text.suffix(2)
  }

  /// Nanoseconds of a clock that only goes forward.
  package static func monotonic() -> UInt64 {
    var value = timespec()
    clock_gettime(CLOCK_MONOTONIC, &value)
    return UInt64(value.tv_sec) * 1_000_000_000 + UInt64(value.tv_nsec)
  }

  private static func local(_ moment: Int64) -> tm {
    var seconds = time_t(moment)
    var fields = tm()
    localtime_r(&seconds, &fields)
    return fields
  }
}
