internal import Glibc

/// A lock for each file or folder, by identity: a fixed number of locks, so that
/// there is nothing to make or to forget. Two files that share one wait for each
/// other now and then; whoever needs two at once names both, and gets them in one order.
package final class LockStripes: @unchecked Sendable {
  private static let count = 64
  private let locks: UnsafeMutablePointer<pthread_mutex_t>
  private let rank: LockRank

  init(_ rank: LockRank) {
    self.rank = rank
    locks = .allocate(capacity: Self.count)
    locks.initialize(repeating: pthread_mutex_t(), count: Self.count)
    for stripe in 0..<Self.count { pthread_mutex_init(locks + stripe, nil) }
  }

  deinit {
    for stripe in 0..<Self.count { pthread_mutex_destroy(locks + stripe) }
    locks.deallocate()
  }

  package func holding<Result: ~Copyable, Failure: Error>(
    _ file: FileIdentity, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let lock = locks + stripe(of: file)
    rank.taken()
    pthread_mutex_lock(lock)
    defer {
      pthread_mutex_unlock(lock)
      rank.givenBack()
    }
    return try body()
  }

  package func holding<Result: ~Copyable, Failure: Error>(
    _ file: FileIdentity, and other: FileIdentity?, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let one = stripe(of: file)
    let two = other.map { stripe(of: $0) } ?? one
    rank.taken()
    pthread_mutex_lock(locks + min(one, two))
    if one != two { pthread_mutex_lock(locks + max(one, two)) }
    defer {
      if one != two { pthread_mutex_unlock(locks + max(one, two)) }
      pthread_mutex_unlock(locks + min(one, two))
      rank.givenBack()
    }
    return try body()
  }

  private func stripe(of file: FileIdentity) -> Int {
    Int((file.inode &* 0x9E37_79B9_7F4A_7C15) >> 58)
  }
}
