internal import Glibc
internal import SystemPackage

/// One cleanup of what is idle under `temp/`.
struct Sweep {
  let storage: Storage
  /// What was modified before this moment (seconds since 1970) is idle.
  let limit: Int64
  /// What was changed since this moment (nanoseconds since 1970) stays, however old its modification time says it is.
  var untouchedSince: Int64 = .max
  let dryRun: Bool

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
      report.deleted += tally.count
      report.bytes = report.bytes.addingClamped(tally.size)
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
      report.deleted += 1
      report.bytes = report.bytes.addingClamped(Int64(stat.st_size))
    }
  }

  // MARK: The workspace

  /// A folder whose files have been dealt with, and what of it is left.
  private struct Level {
    /// Folders that have not been looked into.
    var folders: [(name: FileName, stat: stat)] = []
    /// How many names are in it.
    var left = 0
    /// It could be read.
    var isKnown = false
  }

  /// Deletes the idle files of the workspace and, after what is in them, the idle folders that are empty then.
  private func sweepWorkspace(_ report: inout CleanupReport) {
    let top = attempt("temp/processing", &report) { () throws(Errno) in
      try FolderCursor(at: SharedDescriptor(try storage.root.openFolder(Layout.workspacePath)))
    }
    guard var cursor = top else { return }
    var levels = [sweepFiles(cursor, &report)]
    // Those that are being looked into, from the first on.
    var entered: [(name: FileName, stat: stat)] = []
    while true {
      if let next = levels[levels.count - 1].folders.popLast() {
        let isIn: Void? = attempt(path(cursor, next.name), &report) { () throws(Errno) in try cursor.enter(next.name) }
        guard isIn != nil else { continue }
        levels.append(sweepFiles(cursor, &report))
        entered.append(next)
      } else {
        guard levels.count > 1 else { return }
        let up = attempt(path(cursor), &report) { () throws(Errno) in try cursor.leave() }
        // The next cleanup comes by again.
        guard let up else { return }
        let (done, folder) = (levels[levels.count - 1], entered[entered.count - 1])
        levels.removeLast(up)
        entered.removeLast(up)
        // Asked before its files went, which has made it young.
        guard up == 1, done.isKnown, done.left == 0, isIdle(folder.stat) else { continue }
        if remove(folder.name, cursor, folder.stat, &report) { levels[levels.count - 1].left -= 1 }
      }
    }
  }

  /// Deletes the idle files of one folder.
  private func sweepFiles(_ cursor: FolderCursor, _ report: inout CleanupReport) -> Level {
    var level = Level()
    let folder = cursor.folder
    let entries = attempt(path(cursor), &report) { () throws(Errno) in try FolderStream.all(of: folder) }
    guard let entries else { return level }
    level.isKnown = true
    level.left = entries.count
    for entry in entries {
      // What vanished meanwhile needs no cleaning up.
      guard let stat = try? Sys.stat(entry.name, in: folder), !isOpen(stat) else { continue }
      if stat.isFolder {
        level.folders.append((entry.name, stat))
      } else if isIdle(stat), remove(entry.name, cursor, stat, &report) {
        level.left -= 1
        report.deleted += 1
        if stat.isRegularFile { report.bytes = report.bytes.addingClamped(Int64(stat.st_size)) }
      }
    }
    return level
  }

  /// For people.
  private func path(_ cursor: FolderCursor, _ name: FileName? = nil) -> String {
    let names = Layout.workspacePath + cursor.names + (name.map { [$0] } ?? [])
    return Layout.path(names).clipped(to: RefusalLog.longestPath)
  }

  private func remove(
    _ name: FileName, _ cursor: FolderCursor, _ stat: stat, _ report: inout CleanupReport
  ) -> Bool {
    if dryRun { return true }
    let (folder, here) = (cursor.folder.raw, cursor.identity)
    let isGone = attempt(path(cursor, name), &report) { () throws(Errno) in
      let isGone = try storage.gate.changing { () throws(Errno) -> Bool in
        try storage.names.holding(here) { () throws(Errno) in
          guard !stat.isFolder else {
            let held = SharedDescriptor(try Sys.openPath(name, in: folder))
            try Sys.removeFolder(name, in: folder)
            _ = storage.observer?.unlinked(FileIdentity(try Sys.stat(held)), held, by: .deleted)
            return true
          }
          // Another file may have been put in its place.
          guard let now = try? Sys.stat(name, in: folder), FileIdentity(now) == FileIdentity(stat), isIdle(now)
          else { return false }
          do throws(Errno) {
            _ = try storage.losing(name, in: folder, here, from: .temp) { () throws(Errno) in
              // With its lock: somebody may have opened it.
              if isOpen(now) { throw .resourceBusy }
              try Sys.unlink(name, in: folder)
            }
            return true
          } catch .resourceBusy {
            return false
          }
        }
      }
      storage.observer?.changed(name, in: here)
      return isGone
    }
    return isGone ?? false
  }

  // MARK: Questions

  private func isIdle(_ stat: stat) -> Bool {
    Int64(stat.st_mtim.tv_sec) < limit && Clock.nanoseconds(stat.st_ctim) < untouchedSince
  }

  private func isOpen(_ stat: stat) -> Bool { storage.observer?.isOpen(FileIdentity(stat)) ?? false }

  /// Does one step; a failure is put into the report, so that the rest goes on.
  private func attempt<Result: ~Copyable>(
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
