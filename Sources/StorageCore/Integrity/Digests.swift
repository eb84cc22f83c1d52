package import Glibc
internal import Synchronization
package import SystemPackage

/// Gives images and thumbnails their digests, soon after they were published.
///
/// Whoever closes, renames or completes a file only leaves a note here, which is no system call. A thread takes the
/// notes, has the file read by another that runs when nothing else wants to (``IdleReader``), and writes the attribute
/// through the descriptor that was read, if nobody has begun to change the file since. No lock is held while reading.
package final class Digests: Sendable {
  let queue = Monitor(DigestQueue())
  private let isActive = Atomic(false)
  private let isRunning = Monitor(false)
  /// What is being read is worth nothing any more. Beside the queue, because the thread that reads takes no locks.
  private let isLate = Signal()
  private let reader = IdleReader()
  let isWithoutAttributes = Atomic(false)
  /// There may be files that are known for unfit: asked before a lock is taken.
  let hasUnfit = Atomic(false)
  /// It was said that a file's other attributes leave no room.
  let hasToldOfRoom = Atomic(false)
  private let survey = DigestSurvey()
  /// The last thing that kept a digest from being written: said once, not for each file.
  let lastFailure = Mutex<Errno?>(nil)
  let findings = Mutex(Findings())
  /// Bytes of a file that are read before the others have their turn.
  private static let turn: Int64 = 1 << 30
  struct Findings: Sendable {
    var found = FoundDamage()
    /// Where they are kept, once it is known.
    var folder: SharedDescriptor?
  }

  static let keptFindings = KeptState<FoundDamage>(name: Layout.findings)
  /// How often the notes are looked at. Waking the thread would be a system call for whoever leaves one.
  private static let beat: UInt64 = 1_000_000_000

  init() {}

  /// How many files wait for theirs, and what was found damaged; `nil` while nobody sees to digests.
  var figures: IntegrityFigures? {
    guard isActive.load(ordering: .relaxed) else { return nil }
    var figures = findings.withLock { $0.found.figures }
    queue.withLock { queue in
      figures.pending = queue.count
      figures.unverified = queue.undigested
      figures.isSurveying = queue.isSurveying
    }
    return figures
  }

  /// The storage root's file system keeps no attributes: no file has a digest.
  var hasNoAttributes: Bool { isWithoutAttributes.load(ordering: .relaxed) }

  /// Tells what a scrub found so far.
  package func scrubbed(_ state: VerificationState?, lastEnd: Int64?) {
    change { $0.scrubbed(state, lastEnd: lastEnd) }
  }

  /// Tells of a file that `mammofs verify` found damaged, or could not read.
  package func found(_ path: String) {
    let now = Clock.now()
    change { $0.found(path, at: now) }
  }

  func change(_ body: (inout FoundDamage) -> Void) {
    findings.withLock { findings in
      let before = findings.found
      body(&findings.found)
      guard let folder = findings.folder, findings.found.isNews(after: before) else { return }
      // Without room for it, it is known until the server ends, and found again by the next scrub.
      try? Self.keptFindings.save(findings.found, in: folder)
    }
  }

  /// Leaves a note of a file that was published or changed. Where there are too many, the next survey sees to it.
  ///
  /// - Parameter path: where it is, from the root on.
  package func want(_ file: FileIdentity, at path: @autoclosure () -> [FileName]) {
    guard isActive.load(ordering: .relaxed) else { return }
    let entry = DigestQueue.Entry(file: file, path: path())
    let now = Clock.monotonic()
    queue.withLock { if !$0.add(entry, at: now) { $0.passOver() } }
  }

  /// Leaves a note of a file that was found without a digest, if there is none of it yet.
  ///
  /// - Returns: false where there are too many.
  package func ask(_ file: FileIdentity, at path: [FileName]) -> Bool {
    let entry = DigestQueue.Entry(file: file, path: path)
    let now = Clock.monotonic()
    return queue.withLock { $0.ask(entry, at: now) }
  }

  /// Folders of the tree have other names.
  func moved(_ moves: [(from: [FileName], to: [FileName])]) {
    guard isActive.load(ordering: .relaxed) else { return }
    queue.withLock { $0.moved(moves) }
  }

  /// Whether there is a note of a file.
  package func isAwaited(_ file: FileIdentity) -> Bool { queue.withLock { $0.isAwaited(file) } }

  /// Leaves a note of a file that an earlier run published, before digests are given.
  func wantFromBefore(_ file: FileIdentity, at path: [FileName]) {
    let now = Clock.monotonic()
    _ = queue.withLock { $0.add(DigestQueue.Entry(file: file, path: path), at: now) }
  }

  /// Takes a file's digest away, before its bytes change. The caller holds the file's lock.
  ///
  /// - Parameter stat: of the file as it is now.
  package func willChange(_ stat: stat, _ file: SharedDescriptor, _ ownWork: OwnWork) throws(Errno) {
    let identity = FileIdentity(stat)
    if isActive.load(ordering: .relaxed), queue.withLock({ $0.drop(identity) }) { isLate.value = true }
    try ownWork.on(stat, file.raw) { () throws(Errno) in try Digest.remove(from: file) }
  }

  /// - Returns: false where there is no thread for it.
  package func start(_ storage: Storage, on threads: ThreadReserve) -> Bool {
    if let folder = try? SharedDescriptor(storage.root.openFolder([Layout.privateFolder])) {
      let found = Self.keptFindings.load(from: folder) ?? FoundDamage()
      findings.withLock { $0 = Findings(found: found, folder: folder) }
    }
    queue.withLock { $0.beginSurvey() }
    isActive.store(true, ordering: .relaxed)
    isRunning.change { $0 = true }
    let hasStarted = threads.start("digests") { [self] in
      wantKept(storage)
      survey.start(storage, queue)
      while let entry = next() {
        if storage.isAtRest {
          want(entry.file, at: entry.path)
          queue.withLock { if !$0.isStopping { $0.finish() } }
          // Until it may have its digest, or this is stopped.
          _ = queue.wait(until: Clock.monotonic() + 1_000_000_000) { queue, _ in queue.isStopping ? () : nil }
          continue
        }
        do throws(Errno) {
          switch try process(entry, storage) {
          case .done: break
          case .later: want(entry.file, at: entry.path)
          case .further(let progress):
            let now = Clock.monotonic()
            queue.withLock { queue in
              queue.putBack(DigestQueue.Entry(file: entry.file, path: entry.path, progress: progress), at: now)
            }
          }
        } catch {
          note(error, entry, storage)
        }
        // What a stop has cut short waits still.
        queue.withLock { if !$0.isStopping { $0.finish() } }
      }
      isRunning.change { $0 = false }
    }
    if !hasStarted {
      isActive.store(false, ordering: .relaxed)
      isRunning.change { $0 = false }
    }
    return hasStarted
  }

  /// Ends it. What still waits is left for the next server.
  package func stop(_ storage: Storage) {
    guard isActive.exchange(false, ordering: .relaxed) else { return }
    survey.stop()
    queue.change { $0.isStopping = true }
    isLate.value = true
    reader.stop()
    _ = isRunning.wait(until: nil) { isRunning, _ in isRunning ? nil : () }
    leaveNotes(storage)
  }

  /// Leaves to the next server what waits.
  package func leaveNotes(_ storage: Storage) {
    let paths = queue.withLock { $0.waiting.map { Layout.path($0) } }
    guard !paths.isEmpty, let folder = try? storage.root.openFolder([Layout.privateFolder]) else { return }
    // Where it cannot be written, the survey of the next server finds them.
    try? Self.kept.save(paths, in: folder)
  }

  private static let kept = KeptState<[String]>(name: Layout.wanted)

  /// Leaves notes of the files that waited when the last server was stopped.
  private func wantKept(_ storage: Storage) {
    guard let folder = try? storage.root.openFolder([Layout.privateFolder]), let paths = Self.kept.load(from: folder)
    else { return }
    for text in paths {
      guard let path = try? StoragePath(parsing: text), let folder = try? storage.root.openFolder(path.folder),
        let stat = try? Sys.stat(path.fileName, in: folder)
      else { continue }
      wantFromBefore(FileIdentity(stat), at: path.names)
    }
    try? Self.kept.remove(from: folder)
  }

  private func next() -> DigestQueue.Entry? {
    while true {
      let now = Clock.monotonic()
      let step = queue.wait(until: now + Self.beat) { queue, late -> DigestQueue.Entry?? in
        if queue.isStopping { return .some(nil) }
        return queue.take(at: late ? now + Self.beat : now).map { .some($0) }
      }
      if let step { return step }
    }
  }

  private enum Outcome {
    case done, later
    /// It is long, and others may wait.
    case further(DigestQueue.Progress)
  }

  private func process(_ entry: DigestQueue.Entry, _ storage: Storage) throws(Errno) -> Outcome {
    let file: SharedDescriptor
    do throws(Errno) {
      let folder = try storage.root.openFolder(Array(entry.path.dropLast()))
      file = SharedDescriptor(try Sys.openUnnoticed(entry.path.last ?? "", in: folder))
    } catch .noSuchFileOrDirectory {
      // Removed, or renamed with a folder above it.
      if let path = queue.withLock({ $0.presentPath(of: entry) }) { want(entry.file, at: path) }
      return .done
    }
    let stat = try Sys.stat(file)
    guard FileIdentity(stat) == entry.file, stat.isRegularFile else { return .done }
    switch try Digest.state(of: file) {
    case .current, .cut: return .done
    case .absent, .stale: break
    }
    guard !hasNoAttributes else { return .done }
    // Its release leaves another note.
    guard !storage.isOpenForWriting(entry.file) else { return .done }
    // While it is on record the inode has an attribute more, and ours would not fit into it.
    if let staging = try? storage.staging, staging.isOnRecord(entry.file) { return .later }
    isLate.value = false
    // Whoever was quicker than that line.
    guard queue.withLock({ $0.isCurrentGood }) else { return .done }
    let hasher = FileHasher(isCancelled: { [isLate] in isLate.value })
    let before = entry.progress.flatMap { $0.isOf(stat) ? $0.hash : nil } ?? HashProgress()
    let size = Int64(stat.st_size)
    guard let hash = try reader.advance(before, of: file, to: size, limit: Self.turn, hasher) else { return .done }
    if hash.offset < size, !hash.isAtEnd { return .further(DigestQueue.Progress(hash, of: stat)) }
    let sha256 = hash.sha256
    if try storage.give(Digest(sha256: sha256, of: stat), to: file, unless: { queue.withLock { !$0.isCurrentGood } }) {
      lastFailure.withLock { $0 = nil }
      // What was damaged there was replaced.
      let path = Layout.path(entry.path)
      change { $0.replaced(path) }
    }
    return .done
  }
}

/// Said by one thread to another.
private final class Signal: Sendable {
  private let flag = Atomic(false)
  var value: Bool {
    get { flag.load(ordering: .relaxed) }
    set { flag.store(newValue, ordering: .relaxed) }
  }
}

extension Storage {
  /// Writes a file's digest, unless the file has changed since it was read or is open for writing.
  ///
  /// - Parameters:
  ///   - file: the descriptor that was read.
  ///   - isLate: asked with the file's lock.
  /// - Returns: whether it was written.
  package func give(
    _ digest: Digest, to file: SharedDescriptor, unless isLate: () -> Bool = { false }
  ) throws(Errno) -> Bool {
    let identity = FileIdentity(try Sys.stat(file))
    return try sizes.holding(identity) { () throws(Errno) in
      guard !isOpenForWriting(identity), !isLate() else { return false }
      let stat = try Sys.stat(file)
      guard stat.st_nlink > 0, Digest(sha256: digest.sha256, of: stat) == digest else { return false }
      try ownWork.on(stat, file.raw) { () throws(Errno) in try digest.write(to: file) }
      // Somebody may have looked while its mode had the owner's bits for that.
      if Sys.lendsRights(to: stat) { observer?.modeChanged(identity) }
      return true
    }
  }

  package func isOpenForWriting(_ file: FileIdentity) -> Bool { openFiles?.isOpenForWriting(file) ?? false }
}
