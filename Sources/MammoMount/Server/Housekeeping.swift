internal import Glibc
internal import Logging
internal import StorageCore
internal import SystemPackage

/// The daily cleanup, the one at mount, and the going of finished sessions. Not started for a read-only mount.
final class Housekeeping: Sendable {
  private let storage: Storage
  private let options: ServerOptions
  private let logger: Logger
  private let clock = Monitor(State())
  /// Before anything was served. The first cleanup is of what an earlier run left: who copies something old in
  /// meanwhile is not to lose it.
  private let started = Clock.nowInNanoseconds()

  private struct State {
    var isStopping = false
    var isRunning = false
  }

  init(storage: Storage, options: ServerOptions, logger: Logger) {
    self.storage = storage
    self.options = options
    self.logger = logger
  }

  func start() {
    clock.change { $0.isRunning = true }
    StorageCore.Thread.start("housekeeping") { [self] in
      run()
      clock.change { $0.isRunning = false }
    }
  }

  /// Returns when nothing more is being done.
  func stop() {
    clock.change { $0.isStopping = true }
    _ = clock.wait(until: nil) { state, _ in state.isRunning ? nil : () }
  }

  private func run() {
    var start = started
    var nextCleanup = Clock.monotonic()
    // Often enough that a session goes soon after its time.
    let pause = UInt64(min(60, max(1, options.sessionLinger / 4))) * 1_000_000_000
    while true {
      if Clock.monotonic() >= nextCleanup {
        clean(olderThan: options.tempMaxAge, leavingWhatChangedSince: start, dryRun: false)
        start = .max
        nextCleanup = Clock.monotonic() + UInt64(max(60, options.cleanupInterval)) * 1_000_000_000
      }
      storage.removeFinishedSessions(linger: options.sessionLinger, at: Clock.now())
      let stopping: Void? = clock.wait(until: min(nextCleanup, Clock.monotonic() + pause)) { state, _ in
        state.isStopping ? () : nil
      }
      if stopping != nil { return }
    }
  }

  /// Cleans up now, and says in the log what was done.
  @discardableResult
  func clean(olderThan age: Int64, leavingWhatChangedSince start: Int64 = .max, dryRun: Bool) -> CleanupReport {
    let report = storage.cleanupTempFiles(olderThan: age, leavingWhatChangedSince: start, dryRun: dryRun)
    logger.info(
      "cleanup", metadata: ["deleted": "\(report.deleted)", "bytes": "\(report.bytes)", "dryRun": "\(dryRun)"])
    for failure in report.failures {
      logger.warning("cleanup: \(failure)")
      storage.refusals.add(
        operation: "cleanup", path: failure, errno: .ioError, advice: "could not be deleted; it is tried again")
    }
    return report
  }
}
