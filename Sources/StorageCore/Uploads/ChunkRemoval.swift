internal import Synchronization

/// Takes the chunks of completed sessions away, which nobody waits for but who looks.
///
/// A completion is done when its image is durable; that takes as long for ten chunks as for ten thousand. Deleting the
/// chunks does not, so it goes on after the completion has returned, and whatever could still see them waits for it
/// (``wait()``).
final class ChunkRemoval: Sendable {
  private let queue = Monitor(Queue())
  /// Whether there may be something to wait for; set with the lock held.
  private let isBusy = Atomic(false)

  private struct Queue {
    var jobs: [@Sendable () -> Void] = []
    var added: UInt64 = 0
    var done: UInt64 = 0
    var isRunning = false
  }

  /// - Parameter job: deletes the chunks of one session.
  func add(_ job: @escaping @Sendable () -> Void) {
    let starts = queue.withLock { queue in
      queue.jobs.append(job)
      queue.added += 1
      isBusy.store(true, ordering: .releasing)
      defer { queue.isRunning = true }
      return !queue.isRunning
    }
    if starts { Thread.start("chunks") { [self] in run() } }
  }

  /// Waits until the chunks of all sessions that have been completed so far are gone.
  func wait() {
    guard isBusy.load(ordering: .acquiring) else { return }
    let goal = queue.withLock { $0.added }
    _ = queue.wait(until: nil) { queue, _ in queue.done >= goal ? () : nil }
  }

  private func run() {
    while let job = next() {
      job()
      queue.change { $0.done += 1 }
    }
  }

  private func next() -> (@Sendable () -> Void)? {
    queue.withLock { queue in
      guard !queue.jobs.isEmpty else {
        queue.isRunning = false
        isBusy.store(false, ordering: .releasing)
        return nil
      }
      return queue.jobs.removeFirst()
    }
  }
}
