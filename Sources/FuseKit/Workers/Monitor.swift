import Glibc

/// A value behind a lock, and a condition to wait for its changes.
///
/// `Mutex` of the standard library has no condition variable; this is the pair
/// of pthreads. State lives inside, and nothing slow is called while it is held.
final class Monitor<State>: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var state: State

  init(_ state: consuming sending State) {
    self.state = state
    pthread_mutex_init(lock, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // Waits with a deadline must not follow a clock that somebody sets.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(changed, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(lock)
    changed.deallocate()
    lock.deallocate()
  }

  func withLock<Result>(_ body: (inout State) -> Result) -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return body(&state)
  }

  /// Waits until `body` returns something. It is asked again after each ``wakeOne()`` and ``wakeAll()``.
  func wait<Result>(until body: (inout State) -> Result?) -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while true {
      if let result = body(&state) { return result }
      pthread_cond_wait(changed, lock)
    }
  }

  /// Waits until `condition` holds or the monotonic clock shows `deadline`; returns whether it holds.
  func wait(deadline: timespec, until condition: (inout State) -> Bool) -> Bool {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    var deadline = deadline
    while !condition(&state) {
      if pthread_cond_timedwait(changed, lock, &deadline) == ETIMEDOUT { return condition(&state) }
    }
    return true
  }

  func wakeOne() { pthread_cond_signal(changed) }
  func wakeAll() { pthread_cond_broadcast(changed) }
}

/// Nanoseconds on a clock that nobody sets.
func monotonicNanoseconds() -> UInt64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(now.tv_sec) &* 1_000_000_000 &+ UInt64(now.tv_nsec)
}
