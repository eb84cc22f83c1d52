internal import CLinux
internal import Glibc
internal import SystemPackage

/// Brings what was published at close onto the disk, soon and in few steps, and then drops its record.
final class Settler: Sendable {
  private let folder: SharedDescriptor
  private let sizes: LockStripes
  private let refusals: RefusalLog
  private let ownWork: OwnWork
  private let queue = Monitor(Queue())

  private struct Queue {
    /// Published files whose record is still there.
    var records: [FileIdentity: FileName] = [:]
    /// Those that are not being worked on.
    var waiting: [FileIdentity] = []
    var isClosing = false
    var isRunning = false
  }

  /// From so many files on, one `syncfs` is cheaper than an `fdatasync` each.
  private static let manyFiles = 16
  /// How long a file may wait for others to be settled with it, in nanoseconds: as long as ext4 waits with its journal.
  /// Sooner, the write-out of the first files of a batch would only be in the way of the last.
  private static let gathering: UInt64 = 5_000_000_000

  init(folder: SharedDescriptor, sizes: LockStripes, refusals: RefusalLog, ownWork: OwnWork) {
    self.ownWork = ownWork
    self.folder = folder
    self.sizes = sizes
    self.refusals = refusals
  }

  func add(_ staged: FileName, _ file: FileIdentity) {
    let starts = queue.withLock { queue in
      queue.records[file] = staged
      queue.waiting.append(file)
      defer { queue.isRunning = true }
      return !queue.isRunning
    }
    if starts { startThread() }
  }

  /// Whoever publishes holds locks, and so cannot do it himself: without a thread it waits for the next, or the end.
  private func startThread() {
    if !Thread.startIfPossible("settler", { [self] in run() }) { queue.change { $0.isRunning = false } }
  }

  /// The staged name of a file still on record, which is then the caller's to remove.
  func take(_ file: FileIdentity) -> FileName? {
    queue.withLock { $0.records.removeValue(forKey: file) }
  }

  /// Takes a record off, unless the file is gone meanwhile and its inode has become another's: that one is not on disk.
  private func take(_ file: FileIdentity, recordedAs staged: FileName) -> Bool {
    queue.withLock { queue in
      guard queue.records[file] == staged else { return false }
      queue.records[file] = nil
      return true
    }
  }

  func has(_ file: FileIdentity) -> Bool { queue.withLock { $0.records[file] != nil } }

  func close() {
    let isLeft = queue.change { queue in
      queue.isClosing = true
      defer { queue.isRunning = queue.isRunning || !queue.waiting.isEmpty }
      return !queue.isRunning && !queue.waiting.isEmpty
    }
    if isLeft { run() }
    _ = queue.wait(until: nil) { queue, _ in queue.isRunning ? nil : () }
  }

  private func run() {
    while let batch = nextBatch() {
      let settled =
        batch.count > Self.manyFiles && lx_syncfs(folder.raw) == 0 ? batch : batch.filter { synchronize($0.1) }
      for (file, staged) in settled {
        // With the file's lock, so that whoever counts its names counts the record or not, but never half of it.
        sizes.holding(file) {
          if take(file, recordedAs: staged) { dropRecord(staged) }
        }
      }
    }
  }

  /// Lets a little more work gather, and takes it; `nil` when all is done.
  private func nextBatch() -> [(FileIdentity, FileName)]? {
    let hasWork = queue.change { queue in
      queue.isRunning = !queue.waiting.isEmpty
      return queue.isRunning
    }
    guard hasWork else { return nil }
    _ = queue.wait(until: Clock.monotonic() + Self.gathering) { queue, _ in queue.isClosing ? () : nil }
    return queue.withLock { queue in
      defer { queue.waiting = [] }
      return queue.waiting.compactMap { file in queue.records[file].map { (file, $0) } }
    }
  }

  private func synchronize(_ staged: FileName) -> Bool {
    do throws(Errno) {
      let file = try Sys.open(staged, in: folder, O_RDONLY)
      do throws(Errno) {
        try Sys.synchronizeData(file)
        return true
      } catch {
        refused(Staging.origin(of: file.raw, named: staged).path, error)
      }
    } catch {
      // A record taken away meanwhile needs nothing.
      if error != .noSuchFileOrDirectory { refused("\(staged)", error) }
    }
    // It keeps its record. Asking the disk again would be answered with success, for what it has dropped.
    return false
  }

  private func refused(_ path: String, _ error: Errno) {
    refusals.add(
      operation: "fsync", path: path, errno: error,
      advice: "was closed, but the disk did not take it; copy it again, and look at the kernel log")
  }

  private func dropRecord(_ staged: FileName) {
    let file = try? Sys.openPath(staged, in: folder)
    guard let file, let stat = try? Sys.stat(file) else {
      // The next start finds the file whole.
      try? Sys.unlink(staged, in: folder)
      return
    }
    let raw = file.raw
    ownWork.on(stat, raw) {
      // A record that stays is looked at by the next start, which finds the file whole.
      guard (try? Sys.unlink(staged, in: folder)) != nil else { return }
      // Not before: a record without it is none of a published file.
      Staging.removeOrigin(of: raw)
    }
  }
}
