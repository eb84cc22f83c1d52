internal import Glibc

/// Lets many change the tree at once, and now and then one look at a folder that holds still.
///
/// The gate is outermost in the order of locks.
package final class Gate: @unchecked Sendable {
  private let lock: UnsafeMutablePointer<pthread_rwlock_t>

  package init() {
    lock = .allocate(capacity: 1)
    lock.initialize(to: pthread_rwlock_t())
    var attributes = pthread_rwlockattr_t()
    pthread_rwlockattr_init(&attributes)
    // Readers never nest, and a stream of them must not keep the counter out.
    pthread_rwlockattr_setkind_np(&attributes, Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP))
    pthread_rwlock_init(lock, &attributes)
    pthread_rwlockattr_destroy(&attributes)
  }

  deinit {
    pthread_rwlock_destroy(lock)
    lock.deallocate()
  }

  /// Changes names or sizes; others may at the same time.
  package func changing<Result: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    LockRank.gate.taken()
    pthread_rwlock_rdlock(lock)
    defer {
      pthread_rwlock_unlock(lock)
      LockRank.gate.givenBack()
    }
    return try body()
  }

  /// Nobody changes anything meanwhile.
  package func still<Result: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    LockRank.gate.taken()
    pthread_rwlock_wrlock(lock)
    defer {
      pthread_rwlock_unlock(lock)
      LockRank.gate.givenBack()
    }
    return try body()
  }
}
