internal import Glibc
internal import SystemPackage

/// When a server verifies everything by itself, and how fast.
package struct ScrubOptions: Sendable {
  /// Seconds from the beginning of one to that of the next; 0 is never.
  package var interval: Double = 30 * 24 * 3600
  /// Bytes a second.
  package var rate: Int64 = 16 << 20

  package init() {}
}

/// Verifies images and thumbnails from time to time, slowly, and has those without a digest given one.
///
/// What it finds is a line in `.errors` and a figure in `.stats`. How far it is is kept in `.mammofs/scrub.json`: the
/// next mount goes on there.
package final class Scrub: Sendable {
  private let storage: Storage
  private let options: ScrubOptions
  private let clock = Monitor(State())
  private let reader = IdleReader()
  private static let kept = KeptState<Kept>(name: Layout.scrub)
  /// Nanoseconds between two notes of how far it is.
  private static let noting: UInt64 = 60_000_000_000
  /// Seconds after the mount, which has enough to do at first.
  private static let settling = 60.0

  private struct State {
    var isStopping = false
    var isRunning = false
  }

  /// What is kept from mount to mount.
  struct Kept: Codable {
    var pass: VerificationState?
    /// When the last one began and ended, in seconds since 1970.
    var lastStart: Int64?
    var lastEnd: Int64?
    /// A file that two servers had no time to read, of which the next one is to tell.
    var passedOver: String?

    /// Whether a server can have left this.
    var isPossible: Bool {
      pass?.isPossible ?? true && lastStart.map(Clock.canBe) ?? true && lastEnd.map(Clock.canBe) ?? true
    }

    /// What the last mount left, or nothing.
    static func load(from privateFolder: SharedDescriptor) -> Kept {
      guard let kept = Scrub.kept.load(from: privateFolder), kept.isPossible else { return Kept() }
      return kept
    }
  }

  package init(storage: Storage, options: ScrubOptions) {
    self.storage = storage
    self.options = options
  }

  /// - Returns: false where there is no thread for it.
  package func start(on threads: ThreadReserve) -> Bool {
    guard options.interval > 0 else { return true }
    clock.change { $0.isRunning = true }
    let hasStarted = threads.start("scrub") { [self] in
      run()
      clock.change { $0.isRunning = false }
    }
    if !hasStarted { clock.change { $0.isRunning = false } }
    return hasStarted
  }

  /// Returns when nothing more is being done, which is soon.
  package func stop() {
    clock.change { $0.isStopping = true }
    reader.stop()
    _ = clock.wait(until: nil) { state, _ in state.isRunning ? nil : () }
  }

  private func run() {
    guard let folder = try? storage.root.openFolder([Layout.privateFolder]) else { return }
    let privateFolder = SharedDescriptor(folder)
    var kept = Kept.load(from: privateFolder)
    storage.digests.scrubbed(kept.pass, lastEnd: kept.lastEnd)
    tellPassedOver(&kept)
    guard pause(min(Self.settling, options.interval)) else { return }
    while true {
      if kept.pass == nil {
        let lastStart = [kept.lastStart, storage.digests.lastWholeStart].compactMap { $0 }.max()
        let due = lastStart.map { Double($0) + options.interval } ?? 0
        let left = due - Double(Clock.now())
        // Looked at by the clock on the wall, which may be set.
        guard pause(min(max(left, 0), 3600)) else { return }
        if left > 3600 { continue }
        kept.pass = VerificationState(folder: "", started: Clock.now())
      }
      if storage.isAtRest {
        guard pause(60) else { return }
        continue
      }
      let isDone = pass(&kept, privateFolder)
      if isDone {
        kept.lastStart = kept.pass?.started
        kept.lastEnd = Clock.now()
        storage.digests.scrubbed(kept.pass, lastEnd: kept.lastEnd)
        kept.pass = nil
        correctFigures()
      }
      save(kept, privateFolder)
      if !isDone { return }
    }
  }

  /// Verifies what is left; false where it was stopped.
  private func pass(_ kept: inout Kept, _ privateFolder: SharedDescriptor) -> Bool {
    guard var state = kept.pass else { return true }
    let hasher = FileHasher(rate: options.rate, isCancelled: { [clock] in clock.withLock { $0.isStopping } })
    let verification = Verification(root: storage.root) { [self] file, size throws(Errno) in
      try reader.sha256(of: file, size: size, hasher)
    } give: { [self] candidate in
      while !storage.digests.ask(FileIdentity(candidate.stat), at: candidate.path) {
        guard pause(1) else { return nil }
      }
      return true
    }
    let before = state.interrupted
    state.interrupted = nil
    var told = state.findings.count
    var noted = Clock.monotonic()
    let isDone = verification.run(&state) { state in
      for finding in state.findings[told...] { tell(finding) }
      told = state.findings.count
      storage.digests.scrubbed(state, lastEnd: kept.lastEnd)
      guard Clock.monotonic() - noted > Self.noting else { return }
      noted = Clock.monotonic()
      kept.pass = state
      save(kept, privateFolder)
    }
    for finding in state.findings[told...] { tell(finding) }
    if !isDone, let path = state.interrupted, path == before, state.after != path {
      // A third would begin with it, too, and never come to the others.
      state.after = path
      kept.passedOver = path
    }
    kept.pass = state
    return isDone
  }

  /// What was changed behind the mount's back is in the figures again.
  private func correctFigures() {
    do throws(StorageError) {
      try storage.recount(isCancelled: { [clock] in clock.withLock { $0.isStopping } })
    } catch {
      storage.refusals.add(
        operation: "scrub", path: "/", errno: error.errno,
        advice: "the figures could not be counted anew: \(error.advice)")
    }
  }

  private func tellPassedOver(_ kept: inout Kept) {
    guard let path = kept.passedOver else { return }
    kept.passedOver = nil
    storage.refusals.add(
      operation: "scrub", path: path, errno: .interrupted,
      advice: "is so long that two servers had no time to read it, and was passed over; `mammofs verify` reads it")
  }

  private func tell(_ finding: VerificationState.Finding) {
    storage.refusals.add(
      operation: "scrub", path: finding.path, errno: finding.error, advice: finding.reason)
  }

  private func save(_ kept: Kept, _ privateFolder: SharedDescriptor) {
    do throws(Errno) {
      try Self.kept.save(kept, in: privateFolder)
    } catch {
      storage.refusals.add(
        operation: "scrub", path: Layout.path([Layout.privateFolder, Layout.scrub]), errno: error,
        advice: "how far the scrub is could not be noted; the next mount begins anew")
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
