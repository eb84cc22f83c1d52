import Glibc

/// Asks again and again until the answer is yes or the deadline is there; the last answer.
func poll(seconds: Double, every milliseconds: Int = 10, until condition: () throws -> Bool) rethrows -> Bool {
  let clock = ContinuousClock()
  let deadline = clock.now + .milliseconds(Int(seconds * 1000))
  while clock.now < deadline {
    if try condition() { return true }
    usleep(UInt32(milliseconds) * 1000)
  }
  return try condition()
}
