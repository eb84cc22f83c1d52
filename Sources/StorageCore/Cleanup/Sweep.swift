internal import Glibc
internal import SystemPackage

/// One cleanup of what is idle under `temp/`.
struct Sweep {
  let storage: Storage
  let rule: IdleRule
  /// For what was recovered.
  let recoveredRule: IdleRule
  let dryRun: Bool
  /// Told of each thing that went, or would.
  let removed: (CleanupRemoval) -> Void

  func run() -> CleanupReport {
    var report = CleanupReport()
    sweepSessions(&report)
    sweepPending(&report)
    sweepWorkspace(&report)
    return report
  }

  // MARK: Sessions

  private func sweepSessions(_ report: inout CleanupReport) {
    for session in storage.uploads.all {
      session.waitForChunkRemoval()
      let path = "temp/uploads/\(session.name)"
      let activity = session.activity.last
      guard let held = attempt(path, &report, { () throws(Errno) in try idleContent(of: session) }) else { continue }
      guard let tally = held else { continue }
      if !dryRun {
        let count = attempt(path, &report) { () throws(Errno) -> Int? in
          try storage.removeSession(session, ifIdleSince: activity)
        }
        guard case .some(.some) = count else { continue }
      }
      report.sessions += 1
      note(path, tally, &report)
    }
  }

  /// What an idle session holds; `nil` where it is in use.
  private func idleContent(of session: UploadSession) throws(Errno) -> Tally? {
    let folder = try storage.root.openFolder(Layout.uploadsPath + [session.name])
    let stat = try Sys.stat(folder)
    guard isIdle(stat), !storage.isOpen(session) else { return nil }
    var tally = Tally()
    for entry in try FolderStream.all(of: folder.raw) {
      let stat = try Sys.stat(entry.name, in: folder)
      guard isIdle(stat) else { return nil }
      tally += Tally(size: Int64(stat.st_size), count: 1)
    }
    guard let staging = try? storage.staging else { return nil }
    for (_, staged) in storage.pending.all(in: FileIdentity(stat)) {
      let stat = try Sys.stat(staged, in: staging.folder)
      guard isIdle(stat), !isOpen(stat) else { return nil }
      tally += Tally(size: Int64(stat.st_size), count: 1)
    }
    return tally
  }

  // MARK: Temporary files of copying tools

  private func sweepPending(_ report: inout CleanupReport) {
    guard let staging = try? storage.staging else { return }
    for (key, staged) in storage.pending.everything where NameRules.isWorkName(key.name) {
      guard let stat = try? Sys.stat(staged, in: staging.folder), isIdle(stat), !isOpen(stat) else { continue }
      if !dryRun {
        let gone = attempt(key.name.description, &report) { () throws(Errno) in
          try storage.gate.changing { () throws(Errno) in
            try storage.names.holding(key.folder) { () throws(Errno) in
              // Another may have its name by now, or somebody may use it.
              guard storage.pending.staged(key.name, in: key.folder) == staged,
                let now = try? Sys.stat(staged, in: staging.folder), isIdle(now), !isOpen(now)
              else { return false }
              let isGone = try storage.removePending(key.name, in: key.folder)
              storage.observer?.changed(key.name, in: key.folder)
              return isGone
            }
          }
        }
        guard gone ?? false else { continue }
      }
      note("the temporary file \(key.name)", Tally(size: Int64(stat.st_size), count: 1), &report)
    }
  }

  // MARK: Questions

  private func isIdle(_ stat: stat) -> Bool { rule.wasLeftAlone(stat) }

  func isOpen(_ stat: stat) -> Bool { storage.openFiles?.isOpen(FileIdentity(stat)) ?? false }

  func note(_ path: String, _ tally: Tally, _ report: inout CleanupReport) {
    report.deleted += tally.count
    report.bytes = report.bytes.addingClamped(tally.size)
    removed(CleanupRemoval(path: RefusalLog.oneLine(path), files: tally))
  }

  /// Does one step; a failure is put into the report, so that the rest goes on.
  func attempt<Result: ~Copyable>(
    _ path: @autoclosure () -> String, _ report: inout CleanupReport, _ body: () throws(Errno) -> Result
  ) -> Result? {
    do {
      return try body()
    } catch {
      report.failures.append("\(path()): \(error.description)")
      return nil
    }
  }
}
