package import Glibc

/// What counts as idle for a cleanup.
///
/// A file was used at the later of its time of modification and its time of access. The time of access of a folder or link
/// does not count: whoever lists the tree, such as a nightly `updatedb`, sets it. Nor does the time of the last change of
/// the inode: giving a file an old time of modification is how people say that it is old.
struct IdleRule {
  /// What was used before this moment (seconds since 1970) is idle.
  let limit: Int64
  /// What was changed since this moment (nanoseconds since 1970) stays, however old its times say it is.
  var untouchedSince: Int64 = .max

  func isIdle(_ stat: stat) -> Bool {
    guard wasLeftAlone(stat) else { return false }
    return !stat.isRegularFile || Int64(stat.st_atim.tv_sec) < limit
  }

  /// As ``isIdle(_:)``, of a file for which it does not count who reads it: a chunk is read by its completion.
  func wasLeftAlone(_ stat: stat) -> Bool {
    Int64(stat.st_mtim.tv_sec) < limit && Clock.nanoseconds(stat.st_ctim) < untouchedSince
  }
}

/// When a server notes in a file's time of access that it is used, because the file system does not.
///
/// Most file systems are mounted `relatime`: a read sets the time of access where it is not later than the file's other
/// times, or a day old. So what is read each hour seems to be used once a day. Mounted `noatime`, none is ever set. And
/// what the kernel has cached for the mount is not read from the storage root at all.
package enum UseNote {
  /// Nanoseconds for which a noted use does.
  private static let grain: Int64 = 3600 * 1_000_000_000

  /// Whether a file that is being opened for reading needs a note.
  ///
  /// - Parameters:
  ///   - now: nanoseconds since 1970.
  ///   - isSeen: whether reads of it reach the file system, and that is mounted to note them, be it by `relatime`.
  package static func isDue(opening stat: stat, at now: Int64, isSeen: Bool) -> Bool {
    isOld(stat, at: now) && !(isSeen && willBeNoted(stat, at: now))
  }

  /// Whether a file whose reader closes it needs a note: `relatime` keeps back what was read since.
  package static func isDue(closing stat: stat, at now: Int64) -> Bool {
    isOld(stat, at: now) && !willBeNoted(stat, at: now)
  }

  private static func isOld(_ stat: stat, at now: Int64) -> Bool {
    now.subtractingClamped(max(Clock.nanoseconds(stat.st_atim), Clock.nanoseconds(stat.st_mtim))) >= grain
  }

  /// Whether a read sets the time of access on a file system that is mounted `relatime`.
  private static func willBeNoted(_ stat: stat, at now: Int64) -> Bool {
    let accessed = Clock.nanoseconds(stat.st_atim)
    return accessed <= max(Clock.nanoseconds(stat.st_mtim), Clock.nanoseconds(stat.st_ctim))
      || now.subtractingClamped(accessed) >= 24 * 3600 * 1_000_000_000
  }
}
