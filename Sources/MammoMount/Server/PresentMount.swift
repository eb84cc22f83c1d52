internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// What a mount is now, which `mount -o remount,ro` may have made of it: asked by what changes something by itself, each time
/// before it begins.
final class PresentMount: Sendable {
  private let root: String
  private let path: String
  private let wasMadeReadOnly: Bool
  private let seen = Mutex(Seen())

  private struct Seen {
    /// `/proc/self/mountinfo`: a poll of it tells whether the table of mounts has changed since the last poll.
    var table: SharedDescriptor?
    var isReadOnly = false
  }

  init(_ options: ServerOptions, root: String) {
    self.root = root
    path = options.mountPoint
    wasMadeReadOnly = options.flags.isReadOnly
  }

  /// Whether all is to stay as it is.
  var isReadOnly: Bool {
    if wasMadeReadOnly { return true }
    return seen.withLock { seen in
      if let table = seen.table, !Self.hasChanged(table) { return seen.isReadOnly }
      // Opened before it is looked at, so that nothing is missed in between.
      if seen.table == nil { seen.table = try? SharedDescriptor(Sys.openFile("/proc/self/mountinfo")) }
      guard let isReadOnly = look() else {
        // Looked at again the next time.
        seen.table = nil
        return seen.isReadOnly
      }
      seen.isReadOnly = isReadOnly
      return isReadOnly
    }
  }

  private static func hasChanged(_ table: SharedDescriptor) -> Bool {
    var asked = pollfd(fd: table.raw, events: Int16(POLLPRI), revents: 0)
    return poll(&asked, 1, 0) != 0
  }

  /// Not by statvfs: whoever serves a mount does not wait for it.
  ///
  /// - Returns: `nil` where the mount is not found, or cannot be looked for.
  private func look() -> Bool? {
    let own = MountPoint.all().last { MountPoint.isSame($0.path, path) && MountPoint.isSame($0.root, root) }
    return own?.line.isReadOnly
  }
}
