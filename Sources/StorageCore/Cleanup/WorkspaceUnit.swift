internal import Glibc
internal import SystemPackage

/// What a folder of the workspace held when a cleanup looked through it, and found nobody using it.
struct WorkspaceUnit {
  /// The folder and all that is in it.
  private(set) var members: [FileIdentity]
  /// Its files, links and special files, and the bytes of the former.
  private(set) var files = Tally()

  /// Looks through a folder, as deep as it goes. No lock is held meanwhile.
  ///
  /// - Parameter isAside: it was just moved, which counts as a change of the folder itself.
  /// - Returns: `nil` where it is to stay: something in it was used or is open, it holds a file `.keep`, or somebody changes
  ///   it just now.
  /// - Throws: what an entry met. What cannot be looked at may be in use.
  static func idle(
    _ folder: SharedDescriptor, by rule: IdleRule, open: OpenFiles, isAside: Bool, isCancelled: () -> Bool
  ) throws(Errno) -> WorkspaceUnit? {
    let top = try Sys.stat(folder)
    guard isAside ? IdleRule(limit: rule.limit).isIdle(top) : rule.isIdle(top), !open.inUse.contains(FileIdentity(top))
    else { return nil }
    var unit = WorkspaceUnit(members: [FileIdentity(top)])
    do throws(Errno) {
      let isWhole = try FolderCursor.walk(from: folder) { _ in
        false
      } _: { cursor throws(Errno) in
        guard !isCancelled() else { return nil }
        return try unit.add(cursor.folder, rule, open)
      }
      return isWhole ? unit : nil
    } catch .noSuchFileOrDirectory {
      return nil
    }
  }

  /// Adds what is in one folder; returns the folders in it, or `nil` where it is to stay.
  private mutating func add(
    _ folder: SharedDescriptor, _ rule: IdleRule, _ open: OpenFiles
  ) throws(Errno) -> [FileName]? {
    var folders: [FileName] = []
    for entry in try FolderStream.all(of: folder) {
      let stat = try Sys.stat(entry.name, in: folder)
      guard rule.isIdle(stat), !open.inUse.contains(FileIdentity(stat)), stat.isFolder || entry.name != Layout.keep
      else { return nil }
      // Found when the rest is gone it would leave half.
      if let obstacle = try Sys.obstacle(toDeleting: entry.name, in: folder) { throw obstacle }
      members.append(FileIdentity(stat))
      if stat.isFolder {
        folders.append(entry.name)
      } else {
        files += Tally(size: stat.isRegularFile ? Int64(stat.st_size) : 0, count: 1)
      }
    }
    return folders
  }
}
