internal import CLinux
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// What reading leaves, so that a cleanup sees that a file of the workspace is used.
///
/// Mostly the file system below does that, also where the kernel serves a file by itself. What it keeps back is noted here,
/// at most once an hour for a file.
extension MountTree {
  /// Whether an open is to be noted: not where who opens it asks for no trace.
  func isUse(of place: Place, _ flags: Int32) -> Bool {
    place == .workspaceEntry && flags & O_ACCMODE != O_WRONLY && flags & lx_O_NOATIME == 0
  }

  func noteOpening(_ file: OpenFile, _ stat: stat) {
    let now = Clock.nowInNanoseconds()
    // Asked first as if nothing were seen, because the other question is a system call.
    guard UseNote.isDue(opening: stat, at: now, isSeen: false) else { return }
    let isSeen = file.inode.backing != nil && Sys.notesAccess(to: file.descriptor)
    if UseNote.isDue(opening: stat, at: now, isSeen: isSeen) { noteUse(file) }
  }

  func noteClosing(_ file: OpenFile) {
    guard let stat = try? Sys.stat(file.descriptor),
      UseNote.isDue(closing: stat, at: Clock.nowInNanoseconds())
    else { return }
    noteUse(file)
  }

  private func noteUse(_ file: OpenFile) {
    // Without it a cleanup goes by what the file system knows: an ordinary user's server may not note it on others' files.
    try? Sys.setTimes(
      file.descriptor, timespec(tv_sec: 0, tv_nsec: Int(lx_UTIME_NOW)), timespec(tv_sec: 0, tv_nsec: Int(lx_UTIME_OMIT))
    )
  }
}
