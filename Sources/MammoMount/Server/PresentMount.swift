internal import StorageCore

/// What a mount is now, which `mount -o remount,ro` may have made of it: asked by what changes something by itself, each time
/// before it begins.
final class PresentMount: Sendable {
  private let root: String
  private let path: String
  private let wasMadeReadOnly: Bool

  init(_ options: ServerOptions, root: String) {
    self.root = root
    path = options.mountPoint
    wasMadeReadOnly = options.flags.isReadOnly
  }

  /// Whether all is to stay as it is.
  var isReadOnly: Bool {
    if wasMadeReadOnly { return true }
    // Not by statvfs: whoever serves a mount does not wait for it.
    let own = MountPoint.all().last { MountPoint.isSame($0.path, path) && MountPoint.isSame($0.root, root) }
    return own?.line.isReadOnly ?? false
  }
}
