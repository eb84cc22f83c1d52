internal import Glibc
internal import SystemPackage

/// What a cleanup did.
public struct CleanupReport: Hashable, Sendable {
  /// Files deleted, or that would be.
  public var deleted = 0
  /// Bytes in them.
  public var bytes: Int64 = 0
  /// Sessions that went whole; their files are among those deleted.
  public var sessions = 0
  /// What could not be deleted, and why.
  public var failures: [String] = []

  public init() {}
}

/// Something that a cleanup deleted as a whole, or would have.
public struct CleanupRemoval: Hashable, Sendable {
  /// For people: what it was called, from the storage root on.
  public let path: String
  /// What was in it.
  public let files: Tally
}

extension Storage {
  /// Seconds for which the server of a mount keeps what it recovered after a crash, however short a time other files
  /// below `temp/` have: long enough for somebody to come back to it from a holiday.
  package static let recoveredAge: Int64 = 7 * 24 * 3600

  /// Deletes what is idle under `temp/`: sessions, what lies directly in the workspace, and temporary files of copying
  /// tools. Each of them goes whole or not at all.
  ///
  /// Idle is what nobody has changed for `age`, in the workspace not read either, and what is not open. What fails is
  /// reported and does not stop the rest.
  ///
  /// - Parameters:
  ///   - age: in seconds.
  ///   - recoveredAge: the same for what was recovered after a crash; `nil` is `age`.
  ///   - moment: seconds since 1970.
  ///   - start: nanoseconds since 1970; what was changed since then is not touched, even where a copying tool gave it
  ///     an old modification time.
  ///   - removed: told of each thing that went, or would.
  public func cleanupTempFiles(
    olderThan age: Int64 = 24 * 3600, recoveredOlderThan recoveredAge: Int64? = nil, at moment: Int64? = nil,
    leavingWhatChangedSince start: Int64 = .max, dryRun: Bool = false, removed: (CleanupRemoval) -> Void = { _ in }
  ) -> CleanupReport {
    // Of two at once the second finds what the first has left.
    _ = sweeping.wait(until: nil) { isSweeping, _ -> Void? in
      guard !isSweeping else { return nil }
      isSweeping = true
      return ()
    }
    defer { sweeping.change { $0 = false } }
    let moment = moment ?? Clock.now()
    let report = withoutActuallyEscaping(removed) { removed in
      let sweep = Sweep(
        storage: self, rule: IdleRule(limit: moment.subtractingClamped(age), untouchedSince: start),
        recoveredRule: IdleRule(limit: moment.subtractingClamped(recoveredAge ?? age), untouchedSince: start),
        dryRun: dryRun, removed: removed)
      return sweep.run()
    }
    // Whoever asked for it sees it done.
    observer?.settleChanges()
    return report
  }

  /// Removes the sessions that were completed `linger` seconds ago or longer.
  ///
  /// - Returns: how many went.
  @discardableResult
  package func removeFinishedSessions(linger: Int64, at moment: Int64) -> Int {
    var count = 0
    for session in uploads.all {
      guard let since = session.activity.completeSince, moment.subtractingClamped(since) >= linger else { continue }
      // Its chunks are not to go before its image is on disk.
      if session.isUnfinished { settleAgain(session) }
      let activity = session.activity
      guard !isOpen(session) else { continue }
      do throws(Errno) {
        if try removeSession(session, ifIdleSince: activity.last) != nil { count += 1 }
      } catch {
        refusals.add(
          operation: "cleanup", path: Layout.path(Layout.uploadsPath + [session.name]), errno: error,
          advice: "the finished session could not be removed; it is tried again")
      }
    }
    return count
  }

  /// Whether anybody has the session's folder or a file in it open.
  func isOpen(_ session: UploadSession) -> Bool {
    guard !session.activity.isBusy else { return true }
    guard let openFiles, let folder = try? root.openFolder(Layout.uploadsPath + [session.name]),
      let stat = try? Sys.stat(folder), let entries = try? FolderStream.all(of: folder)
    else { return false }
    if openFiles.isOpen(FileIdentity(stat)) { return true }
    return entries.contains { openFiles.isOpen(FileIdentity(device: UInt64(stat.st_dev), inode: $0.inode)) }
  }
}
