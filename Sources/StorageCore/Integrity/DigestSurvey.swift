internal import Glibc
internal import SystemPackage

/// Looks, after each start, for images and thumbnails without a digest, and leaves a note of each: what was published just
/// before a server was killed, what a backup brought back, what an administrator put there.
///
/// Nobody waits for that, so it is at rest most of the time.
final class DigestSurvey: Sendable {
  private let clock = Monitor(State())
  /// Seconds after the start, which has enough to do at first.
  private static let settling = 0.5
  /// Files that are looked at in a row.
  private static let row = 200

  private struct State {
    var isStopping = false
    var isRunning = false
  }

  func start(_ storage: Storage, _ queue: Monitor<DigestQueue>) {
    let isStarting = clock.change { state in
      if !state.isStopping { state.isRunning = true }
      return state.isRunning
    }
    guard isStarting else { return }
    Thread.start("digest-survey") { [self] in
      run(storage, queue)
      clock.change { $0.isRunning = false }
    }
  }

  /// Returns when nothing more is being done, which is soon.
  func stop() {
    clock.change { $0.isStopping = true }
    _ = clock.wait(until: nil) { state, _ in state.isRunning ? nil : () }
  }

  private func run(_ storage: Storage, _ queue: Monitor<DigestQueue>) {
    guard pause(Self.settling) else { return }
    while true {
      guard let beyond = look(storage, queue) else { return }
      queue.withLock { $0.endSurvey(beyond: beyond) }
      // Those for which there was no place have theirs when others have gone.
      while !queue.withLock({ $0.wantsSurvey }) {
        guard pause(60) else { return }
      }
      queue.withLock { $0.beginSurvey() }
    }
  }

  /// Goes through all files once; returns how many without a digest had no place in the queue, and `nil` where it was
  /// stopped.
  private func look(_ storage: Storage, _ queue: Monitor<DigestQueue>) -> Int? {
    var beyond = 0
    var looked = 0
    var begun = Clock.monotonic()
    let isDone = ImageWalk(root: storage.root, below: []).run { _, _ in
      // The scrub tells of a folder that cannot be read.
    } visit: { path, folder in
      if let file = Self.undigested(path, in: folder) {
        let now = Clock.monotonic()
        let entry = DigestQueue.Entry(file: file, path: path)
        if !queue.withLock({ $0.unfit.contains(file) || $0.ask(entry, at: now) }) { beyond += 1 }
      }
      looked += 1
      guard looked % Self.row == 0 else { return !clock.withLock { $0.isStopping } }
      // A quarter of the time at most, whoever else wants the disk.
      let isGoingOn = pause(Double(Clock.monotonic() - begun) / 1e9 * 3)
      begun = Clock.monotonic()
      return isGoingOn
    }
    return isDone ? beyond : nil
  }

  /// A file that has no digest of what it holds. What cannot be looked at the scrub tells of.
  private static func undigested(_ path: [FileName], in folder: SharedDescriptor) -> FileIdentity? {
    guard let name = path.last, let file = try? Sys.openUnnoticed(name, in: folder), let stat = try? Sys.stat(file),
      stat.isRegularFile, let state = try? Digest.state(of: file)
    else { return nil }
    switch state {
    case .current, .cut: return nil
    case .absent, .stale: return FileIdentity(stat)
    }
  }

  /// Waits so many seconds; false where it was stopped meanwhile.
  private func pause(_ seconds: Double) -> Bool {
    let stopping: Void? = clock.wait(until: Clock.monotonic() + UInt64(seconds * 1e9)) { state, _ in
      state.isStopping ? () : nil
    }
    return stopping == nil
  }
}
