internal import FuseKit
package import Glibc
package import StorageCore
internal import Synchronization

/// The service's own work on a file does not show in the file's time of change.
extension MountTree {
  package func ownWorkBegins(on file: FileIdentity, _ before: stat) {
    nodes.hideChange(file, from: Clock.nanoseconds(before.st_ctim))
  }

  package func ownWorkEnded(on file: FileIdentity, _ before: stat, _ after: stat?) {
    // Where somebody wrote to the file meanwhile the time is that of the write.
    let isOurs = after.map { $0.st_size == before.st_size && Self.isSame($0.st_mtim, before.st_mtim) } ?? false
    let now = isOurs ? after ?? before : before
    nodes.changeIsHidden(file, at: Clock.nanoseconds(now.st_ctim))
  }

  /// Has the kernel look at the times of a file anew that may have been changed by way of a mapping: of that it is told
  /// nothing where it maps the file of the storage root. The file's size was just booked.
  func tellTimes(_ file: OpenFile) {
    guard file.canBeMapped, file.inode.backing != nil else { return }
    let hasNews = file.inode.booking.withLock { booking in
      defer { booking.hasNews = false }
      return booking.hasNews
    }
    if hasNews { notifier?.invalidateAttributesAtOnce(of: file.inode.node) }
  }

  /// Does what a caller asks for and what moves the file's time of change, apart from the service's own work.
  func changing<Result, Failure: Error>(
    _ id: NodeID, _ file: FileIdentity, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try storage.sizes.holding(file) { () throws(Failure) in
      nodes.showChange(of: id)
      return try body()
    }
  }

  /// Ends what an earlier server had begun.
  func endOwnWork() {
    for id in nodes.hidingChanges {
      guard let identity = nodes.identity(of: id), let now = try? stat(of: id) else { continue }
      nodes.changeIsHidden(identity, at: Clock.nanoseconds(now.st_ctim))
    }
  }

  /// The time of change as the mount shows it.
  func shownChange(_ stat: stat, of id: NodeID) -> timespec {
    guard let shown = nodes.shownChange(of: id, at: Clock.nanoseconds(stat.st_ctim)) else { return stat.st_ctim }
    return timespec(tv_sec: Int(shown / 1_000_000_000), tv_nsec: Int(shown % 1_000_000_000))
  }

  private static func isSame(_ one: timespec, _ other: timespec) -> Bool {
    one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec
  }
}
