internal import CLinux
internal import Glibc
internal import SystemPackage

/// The workspace. What lies directly in it goes whole or not at all: a folder there may be a database, of which one file
/// is read all day and the others once a month.
///
/// What was recovered after a crash is no such whole: each file in `recovered` is somebody else's, and goes by itself.
extension Sweep {
  /// A folder whose entries go one by one.
  private struct Place {
    let folder: SharedDescriptor
    let identity: FileIdentity
    /// From the root on.
    let path: [FileName]
    let rule: IdleRule

    init(_ folder: SharedDescriptor, _ path: [FileName], _ rule: IdleRule) throws(Errno) {
      self.folder = folder
      self.path = path
      self.rule = rule
      identity = FileIdentity(try Sys.stat(folder))
    }

    /// For people.
    func name(_ name: FileName) -> String { Layout.path(path + [name]).clipped(to: RefusalLog.longestPath) }
  }

  func sweepWorkspace(_ report: inout CleanupReport) {
    let opened = attempt(Layout.path(Layout.workspacePath), &report) { () throws(Errno) in
      try Place(SharedDescriptor(try storage.root.openFolder(Layout.workspacePath)), Layout.workspacePath, rule)
    }
    guard let place = opened else { return }
    let folders = sweepFiles(place, &report)
    var rest: [(place: Place, name: FileName, stat: stat)] = []
    for (name, stat) in folders {
      guard RecoveredFolder.isName(name), let folder = try? RecoveredFolder.openOwn(name, in: place.folder) else {
        rest.append((place, name, stat))
        continue
      }
      guard let recovered = recoveredPlace(name, folder, &report) else { continue }
      // The folder itself stays: another server's file may be on its way into it.
      for (name, stat) in sweepFiles(recovered, &report) { rest.append((recovered, name, stat)) }
    }
    sweepFolders(rest, &report)
  }

  private func recoveredPlace(_ name: FileName, _ folder: SharedDescriptor, _ report: inout CleanupReport) -> Place? {
    let opened = attempt(Layout.path(Layout.workspacePath + [name]), &report) { () throws(Errno) -> Place? in
      let kept = try? Sys.stat(Layout.keep, in: folder)
      guard kept.map(\.isFolder) ?? true else { return nil }
      return try Place(folder, Layout.workspacePath + [name], recoveredRule)
    }
    return opened ?? nil
  }

  /// Deletes idle files of a place, which gives room for what is needed to delete folders; returns the folders in it.
  private func sweepFiles(_ place: Place, _ report: inout CleanupReport) -> [(name: FileName, stat: stat)] {
    let names = attempt(Layout.path(place.path), &report) { () throws(Errno) in
      try FolderStream.all(of: place.folder).map(\.name)
    }
    var folders: [(name: FileName, stat: stat)] = []
    for name in names ?? [] where !storage.isStopping {
      let found = attempt(place.name(name), &report) { () throws(Errno) -> stat? in
        do throws(Errno) {
          return try Sys.stat(name, in: place.folder)
        } catch .noSuchFileOrDirectory {
          // What vanished meanwhile needs no cleaning up.
          return nil
        }
      }
      guard let stat = found ?? nil else { continue }
      if stat.isFolder {
        folders.append((name, stat))
      } else if name != Layout.keep, place.rule.isIdle(stat) {
        let isGone = attempt(place.name(name), &report) { () throws(Errno) in try removeFile(name, stat, place) }
        if isGone ?? false {
          note(place.name(name), Tally(size: stat.isRegularFile ? Int64(stat.st_size) : 0, count: 1), &report)
        }
      }
    }
    return folders
  }

  private func sweepFolders(
    _ folders: [(place: Place, name: FileName, stat: stat)], _ report: inout CleanupReport
  ) {
    var aside: SetAside?
    if !dryRun {
      // Nothing to do now, and nothing left by an earlier cleanup.
      if folders.isEmpty, (try? storage.root.openFolder(SetAside.path)) == nil { return }
      aside = attempt(Layout.path([Layout.privateFolder, Layout.setAside]), &report) { () throws(Errno) in
        try SetAside(of: storage.root)
      }
      guard let aside else { return }
      deleteLeftovers(aside, &report)
    }
    for (place, name, stat) in folders where !storage.isStopping {
      let gone = attempt(place.name(name), &report) { () throws(Errno) in try removeFolder(name, stat, place, aside) }
      if let tally = gone ?? nil { note(place.name(name), tally, &report) }
    }
  }

  // MARK: Files

  private func removeFile(_ name: FileName, _ stat: stat, _ place: Place) throws(Errno) -> Bool {
    let file = FileIdentity(stat)
    guard isClosed([file]) else { return false }
    if dryRun { return true }
    let folder = place.folder.raw
    let isGone = try storage.gate.changing { () throws(Errno) -> Bool in
      try storage.names.holding(place.identity) { () throws(Errno) in
        // Another file may have been put in its place.
        guard let now = try? Sys.stat(name, in: folder), FileIdentity(now) == file, place.rule.isIdle(now)
        else { return false }
        return try unlink(name, in: folder, place.identity)
      }
    }
    storage.observer?.changed(name, in: place.identity)
    return isGone
  }

  // MARK: Folders

  /// Removes a folder with all in it, if it is idle; returns what that was.
  private func removeFolder(
    _ name: FileName, _ stat: stat, _ place: Place, _ aside: SetAside?
  ) throws(Errno) -> Tally? {
    guard place.rule.isIdle(stat), let unit = try look(name, in: place.folder, place.rule, isAside: false),
      isClosed(unit.members)
    else { return nil }
    // In a dry run there is none.
    guard let aside else { return unit.files }
    guard try setAside(name, unit, place, aside) else { return nil }
    let number = FileName("\(stat.st_ino)")
    var home = (folder: aside.checking, name: name)
    var deletion = Deletion(isCounted: true)
    do throws(Errno) {
      // Whoever used it after it was looked through has left a trace by now: nobody finds it any more.
      if let now = try look(name, in: aside.checking, place.rule, isAside: true), isClosed(now.members) {
        try Sys.rename(name, in: aside.checking, to: number, in: aside.deleting, flags: Staging.noReplace)
        home = (aside.deleting, number)
        if try delete(number, in: aside.deleting, &deletion) { return now.files }
      }
    } catch .canceled {
      // What is left of it is for the next server to delete, and was counted.
      storage.ledger.doubt()
      return nil
    } catch {
      guard deletion.hasBegun else {
        try putBack(home, as: name, place)
        throw error
      }
      // Half of it is none that anybody wants back: the next cleanup deletes the rest.
      storage.ledger.doubt()
      throw error
    }
    try putBack(home, as: name, place)
    return nil
  }

  private func look(
    _ name: FileName, in folder: SharedDescriptor, _ rule: IdleRule, isAside: Bool
  ) throws(Errno) -> WorkspaceUnit? {
    let top: SharedDescriptor
    do throws(Errno) {
      top = SharedDescriptor(try Sys.openFolder(name, in: folder))
    } catch .noSuchFileOrDirectory {
      return nil
    }
    return try WorkspaceUnit.idle(
      top, by: rule, open: openFiles(), isAside: isAside, isCancelled: { storage.isStopping })
  }

  /// Takes a folder out of the workspace, unless somebody has something in it open.
  private func setAside(
    _ name: FileName, _ unit: WorkspaceUnit, _ place: Place, _ aside: SetAside
  ) throws(Errno) -> Bool {
    let isAside = try storage.gate.changing { () throws(Errno) -> Bool in
      try storage.names.holding(place.identity) { () throws(Errno) in
        let open = openFiles()
        guard unit.members.allSatisfy({ !open.inUse.contains($0) }), let now = try? Sys.stat(name, in: place.folder),
          FileIdentity(now) == unit.members.first
        else { return false }
        try Sys.rename(name, in: place.folder, to: name, in: aside.checking, flags: Staging.noReplace)
        return true
      }
    }
    if isAside { tell(name, place) }
    return isAside
  }

  private func putBack(_ home: (folder: SharedDescriptor, name: FileName), as name: FileName, _ place: Place)
    throws(Errno)
  {
    do throws(Errno) {
      try storage.gate.changing { () throws(Errno) in
        try storage.names.holding(place.identity) { () throws(Errno) in
          try Sys.rename(home.name, in: home.folder, to: name, in: place.folder, flags: Staging.noReplace)
          storage.ledger.folderMoved()
        }
      }
    } catch {
      // It stays where it is until the next mount, which counts anew.
      storage.ledger.doubt()
      throw error
    }
    tell(name, place)
  }

  private func tell(_ name: FileName, _ place: Place) {
    storage.observer?.changed(name, in: place.identity)
    storage.observer?.settleChanges()
  }

  // MARK: What is open

  private func openFiles() -> OpenFiles { storage.openFiles?.allOpen() ?? OpenFiles() }

  /// Nanoseconds for which a release is waited for. A file that was closed longer ago and has none is mapped.
  private static let releasing: UInt64 = 1_000_000_000

  /// Whether nobody has any of these open; a release that is under way is waited for.
  private func isClosed(_ files: [FileIdentity]) -> Bool {
    let deadline = Clock.monotonic() + Self.releasing
    while true {
      let open = openFiles()
      guard files.allSatisfy({ !open.inUse.contains($0) }) else { return false }
      guard !open.closing.isEmpty, files.contains(where: open.closing.contains) else { return true }
      guard Clock.monotonic() < deadline, !storage.isStopping else { return false }
      // The kernel releases it by itself, and nobody is told.
      usleep(5_000)
    }
  }
}
