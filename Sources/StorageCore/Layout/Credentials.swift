package import Glibc
internal import SystemPackage

/// On whose behalf something is done that the kernel has not checked: it has seen a marker being written, but not where
/// the image is to go.
package struct Credentials: Hashable, Sendable {
  package let owner: Owner
  /// Supplementary groups.
  package let groups: Set<gid_t>

  package init(owner: Owner, groups: Set<gid_t> = []) {
    self.owner = owner
    self.groups = groups
  }

  /// Whether the permissions allow all of `wish` (4 to read, 2 to write, 1 to search), as the kernel decides it.
  func may(_ wish: mode_t, _ stat: stat) -> Bool {
    if owner.user == 0 { return true }
    let shift: mode_t =
      if stat.st_uid == owner.user { 6 } else if stat.st_gid == owner.group || groups.contains(stat.st_gid) {
        3
      } else { 0 }
    return stat.st_mode >> shift & wish == wish
  }

  /// Whether the file may be taken out of a folder in which others, too, may write.
  func mayReplace(_ file: stat, in folder: stat) -> Bool {
    folder.st_mode & S_ISVTX == 0 || [0, file.st_uid, folder.st_uid].contains(owner.user)
  }
}

extension Storage {
  /// Refuses a file that whoever asks could not make at `path`, or replace there.
  func check(_ credentials: Credentials, for path: StoragePath) throws(StorageError) {
    let mayWrite: Bool = try StorageError.wrap("looking at \(path)") { () throws(Errno) in
      var folder = try root.openFolder([])
      for (depth, name) in path.folder.enumerated() {
        var stat = try Sys.stat(folder)
        if depth == 0 { root.settings.top?.show(in: &stat) }
        guard credentials.may(1, stat) else { return false }
        do throws(Errno) {
          folder = try Sys.openFolder(name, in: folder)
        } catch .noSuchFileOrDirectory {
          return credentials.may(2, stat)
        }
      }
      let stat = try Sys.stat(folder)
      guard credentials.may(3, stat) else { return false }
      guard let there = try? Sys.stat(path.fileName, in: folder) else { return true }
      return credentials.mayReplace(there, in: stat)
    }
    guard mayWrite else { throw .denied(path.description) }
  }
}
