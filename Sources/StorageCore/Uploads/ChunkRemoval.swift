internal import Synchronization

/// Takes the chunks of completed sessions away, which nobody waits for but who looks.
///
/// A completion is done when its image is durable; that takes as long for ten chunks as for ten thousand. Deleting the
/// chunks does not, so it goes on after the completion has returned. Whatever could still see them waits for the
/// session's (``UploadSession/waitForChunkRemoval()``), or for all (``wait()``).
final class ChunkRemoval: Sendable {
  private let state = Monitor(State())

  private struct State {
    var next: UInt64 = 0
    /// Those under way.
    var active: Set<UInt64> = []
  }

  /// - Parameter job: deletes the chunks of `session`. The caller holds no lock.
  func start(_ session: UploadSession, _ job: @escaping @Sendable () -> Void) {
    session.state.change { $0.isLosingChunks = true }
    let number = state.withLock { state in
      defer { state.next += 1 }
      state.active.insert(state.next)
      return state.next
    }
    Thread.start("chunks") { [state] in
      job()
      session.state.change { $0.isLosingChunks = false }
      _ = state.change { $0.active.remove(number) }
    }
  }

  /// Waits until the chunks of all sessions that have been completed so far are gone.
  func wait() {
    let goal = state.withLock { $0.next }
    _ = state.wait(until: nil) { state, _ in state.active.contains { $0 < goal } ? nil : () }
  }
}

extension UploadSession {
  /// Waits until the chunks are gone, if the session was completed: to be called, outside the gate and without a lock of a
  /// folder or file, before anything that would see them.
  package func waitForChunkRemoval() {
    _ = state.wait(until: nil) { state, _ in state.isLosingChunks ? nil : () }
  }

  /// Whether chunks of a completed session are there still.
  package var isLosingChunks: Bool { state.withLock { $0.isLosingChunks } }

  /// Whether the image has its name, but perhaps not on disk.
  package var isUnfinished: Bool { state.withLock { $0.unfinished != nil } }
}
