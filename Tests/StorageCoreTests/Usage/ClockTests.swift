import Testing

@testable import StorageCore

@Suite("The time of day")
struct ClockTests {
  @Test("a time stamp has the date, the time and the zone")
  func timestamp() throws {
    let text = Clock.timestamp(at: 1_794_744_000)
    #expect(try /2026-11-1[56]T\d\d:\d\d:00[+-]\d\d:\d\d/.wholeMatch(in: text) != nil)
  }

  @Test("the middle of a month is in that month in every time zone")
  func months() {
    #expect(Clock.yearAndMonth(at: 1_794_744_000) == (2026, 11))
    #expect(Clock.yearAndMonth(at: 1_768_478_400) == (2026, 1))
  }

  @Test("the monotonic clock never goes back")
  func monotonic() {
    let first = Clock.monotonic()
    #expect(Clock.monotonic() >= first)
  }
}
