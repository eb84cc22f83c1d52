internal import Glibc
internal import Logging
internal import StorageCore
internal import SystemPackage

/// The daily cleanup, the one at mount, and the going of finished sessions. Not started for a read-only mount.
final class Housekeeping: Sendable {
  private let storage: Storage
  private let options: ServerOptions
  private let logger: Logger
  private let mount: PresentMount
  private let clock = Monitor(State())
  /// Before anything was served. The first cleanup is of what an earlier run left: who copies something old in
  /// meanwhile is not to lose it.
  private let started = Clock.nowInNanoseconds()

  private struct State {
    var isStopping = false
    var isRunning = false
  }

  init(storage: Storage, options: ServerOptions, mount: PresentMount, logger: Logger) {
    self.mount = mount
    self.storage = storage
    self.options = options
    self.logger = logger
  }

  /// - Parameter goesOn: an earlier server of the mount has cleaned up at its beginning, and what came since is not old
  ///   because it says so.
  /// - Returns: false where there is no thread for it.
  func start(goesOn: Bool, on threads: ThreadReserve) -> Bool {
    clock.change { $0.isRunning = true }
    let hasStarted = threads.start("housekeeping") { [self] in
      run(firstCleanupIn: goesOn ? interval : 0)
      clock.change { $0.isRunning = false }
    }
    if !hasStarted { clock.change { $0.isRunning = false } }
    return hasStarted
  }

  /// Returns when nothing more is being done.
  func stop() {
    clock.change { $0.isStopping = true }
    _ = clock.wait(until: nil) { state, _ in state.isRunning ? nil : () }
  }

  /// Nanoseconds between cleanups.
  private var interval: UInt64 { UInt64(max(60, options.cleanupInterval)) * 1_000_000_000 }

  /// An age or an interval of 0 is never.
  private var cleansUp: Bool { options.tempMaxAge > 0 && options.cleanupInterval > 0 }

  private func run(firstCleanupIn delay: UInt64) {
    var start = started
    var isAlone = false
    var nextCleanup = Clock.monotonic() + delay
    // Often enough that a session goes soon after its time.
    let pause = UInt64(options.sessionLinger > 0 ? min(60, max(1, options.sessionLinger / 4)) : 60) * 1_000_000_000
    // One that is due waits no shorter for a mount to be writable again.
    let shortest: UInt64 = 1_000_000_000
    while true {
      // It may have been made so since; a cleanup that is due then waits.
      let isReadOnly = mount.isReadOnly
      if cleansUp, Clock.monotonic() >= nextCleanup, !isReadOnly {
        clean(
          olderThan: options.tempMaxAge, recoveredOlderThan: max(options.tempMaxAge, Storage.recoveredAge),
          leavingWhatChangedSince: start, dryRun: false)
        start = .max
        nextCleanup = Clock.monotonic() + interval
      }
      if !isReadOnly, options.sessionLinger > 0 {
        storage.removeFinishedSessions(linger: options.sessionLinger, at: Clock.now())
      }
      // Where a server that went on with the mount had no thread for that.
      storage.startCounting()
      if !isAlone, !MountPoint.hasSupervisor(getpid()) {
        isAlone = true
        logger.error(
          "the supervisor has ended: no other server follows this one, nor can it be upgraded; unmount, and mount again",
          metadata: ["at": "\(options.mountPoint)"])
      }
      let due = cleansUp ? max(nextCleanup, Clock.monotonic() + shortest) : .max
      let stopping: Void? = clock.wait(until: min(due, Clock.monotonic() + pause)) { state, _ in
        state.isStopping ? () : nil
      }
      if stopping != nil { return }
    }
  }

  /// Cleans up now, and says in the log what was done.
  @discardableResult
  func clean(
    olderThan age: Int64, recoveredOlderThan recoveredAge: Int64? = nil, leavingWhatChangedSince start: Int64 = .max,
    dryRun: Bool
  ) -> CleanupReport {
    let report = storage.cleanupTempFiles(
      olderThan: age, recoveredOlderThan: recoveredAge, leavingWhatChangedSince: start, dryRun: dryRun
    ) { removal in
      if dryRun { return }
      logger.info(
        "cleanup deleted",
        metadata: [
          "path": "\(removal.path)", "files": "\(removal.files.count)", "bytes": "\(removal.files.size)",
        ])
    }
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
