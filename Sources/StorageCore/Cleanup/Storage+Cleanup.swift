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

extension Storage {
  /// Deletes what is idle under `temp/`: whole sessions, files of the workspace
  /// with the folders that become empty, and temporary files of copying tools.
  ///
  /// Idle is what has no modification time younger than `age` in it and is not
  /// open. What fails is reported and does not stop the rest.
  ///
  /// - Parameters:
  ///   - age: in seconds.
  ///   - moment: seconds since 1970.
  ///   - start: nanoseconds since 1970; what was changed since then is not touched, even where a copying tool gave it
  ///     an old modification time.
  public func cleanupTempFiles(
    olderThan age: Int64 = 24 * 3600, at moment: Int64? = nil, leavingWhatChangedSince start: Int64 = .max,
    dryRun: Bool = false
  ) -> CleanupReport {
    let sweep = Sweep(
      storage: self, limit: (moment ?? Clock.now()).subtractingClamped(age), untouchedSince: start, dryRun: dryRun)
    let report = sweep.run()
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
    guard let observer, let folder = try? root.openFolder(Layout.uploadsPath + [session.name]),
      let stat = try? Sys.stat(folder), let entries = try? FolderStream.all(of: folder)
    else { return false }
    if observer.isOpen(FileIdentity(stat)) { return true }
    return entries.contains { observer.isOpen(FileIdentity(device: UInt64(stat.st_dev), inode: $0.inode)) }
  }
}
