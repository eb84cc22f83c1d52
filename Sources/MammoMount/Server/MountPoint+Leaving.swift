internal import CLinux
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// Unmounting: umount(8) does not wait for the server, which then still writes out what is in flight.
extension MountPoint {
  /// What somebody else has mounted over this mount, at the same place: the type of it.
  package var cover: String? {
    MountLine.all().first { $0.parent == line.number && Self.isSame($0.path, path) }?.type
  }

  /// Where something is mounted below this mount, for which it cannot go.
  package var submount: String? {
    MountLine.all().last { $0.parent == line.number && !Self.isSame($0.path, path) }?.path
  }

  /// The other mounts of the same file system, as `mount --bind` makes them.
  private var twins: [MountLine] {
    MountLine.all().filter {
      $0.number != line.number && $0.device == line.device && $0.type == line.type && $0.source == line.source
    }
  }

  /// Unmounts by `unmount`, and returns when the server has let go of the storage root and ended.
  package func leave(_ unmount: () throws -> Void) throws {
    // Asked before: afterwards the process's number may be another's, and so may the device's.
    let use = isItsRoots ? RootUse(of: root) : nil
    let twins = Set(self.twins)
    try unmount()
    let left = twins.intersection(self.twins).map(\.path).sorted()
    guard left.isEmpty else {
      throw ServerFailure(
        "\(path) is unmounted, but the file system is also mounted at \(left.joined(separator: " and ")), "
          + "so its server goes on; unmount that, too")
    }
    guard use?.waitForEnd() ?? true else {
      throw ServerFailure(
        "\(path) is unmounted, but another mount namespace, such as a container's, still has it, so its server goes on; "
          + "end what runs there (lsns -t mnt lists them)")
    }
  }

  /// Waits for whoever has a storage root in use without a mount to show for it.
  ///
  /// - Parameter deadline: on the monotonic clock, in nanoseconds.
  /// - Returns: whether it has ended.
  static func waitForLeaving(root: String, until deadline: UInt64) -> Bool {
    guard of(root: root) == nil, let use = RootUse(of: root) else { return false }
    return use.wait(until: use.hasServer ? deadline : min(deadline, Clock.monotonic() + 5_000_000_000))
  }
}

/// That somebody has a storage root in use: its lock is held, and which server holds it is written there.
private struct RootUse {
  private let root: String
  private let lock: SharedDescriptor
  private let server: SharedDescriptor?

  /// Without one only a supervisor is left, whose server has ended, and which is about to.
  var hasServer: Bool { server != nil }

  /// Looks are a second apart. So many of them show a mount elsewhere before that is taken to last: whoever starts in
  /// a namespace of its own has every mount for a moment.
  private static let looks = 10

  init?(of root: String) {
    guard let lock = try? Root.openOwn(Layout.lock, ofRoot: root) else { return nil }
    self.root = root
    self.lock = SharedDescriptor(lock)
    // Of a lock that nobody holds the number may be anybody's by now.
    server = Self.isHeld(root) ? Self.server(of: root) : nil
  }

  private static func isHeld(_ root: String) -> Bool {
    // Opened anew: what this gets goes with the descriptor.
    guard let lock = try? Root.openOwn(Layout.lock, ofRoot: root) else { return false }
    return lx_flock(lock.raw, 0, 0) != 0
  }

  private static func server(of root: String) -> SharedDescriptor? {
    guard let process = Storage.user(of: root) else { return nil }
    let descriptor = lx_pidfd_open(process)
    return descriptor >= 0 ? SharedDescriptor(Descriptor(owning: descriptor)) : nil
  }

  /// Returns whether the root is free in time.
  func wait(until deadline: UInt64) -> Bool {
    // A lock can be waited for with no deadline only, and this wait must have one.
    while lx_flock(lock.raw, 0, 0) != 0 {
      guard Clock.monotonic() < deadline else { return false }
      pause()
    }
    // The lock goes when the processes do, or a moment earlier.
    guard let server else { return true }
    var end = pollfd(fd: server.raw, events: Int16(POLLIN), revents: 0)
    _ = poll(&end, 1, 5_000)
    return true
  }

  /// Waits for as long as it takes to write everything out.
  ///
  /// - Returns: false where the server still has a mount, which is elsewhere.
  func waitForEnd() -> Bool {
    var shown = 0
    while !wait(until: Clock.monotonic() + 1_000_000_000) {
      // Somebody was quick to mount it anew.
      if MountPoint.of(root: root) != nil { return true }
      shown = ControlSocket.isMounted(root: root) == true ? shown + 1 : 0
      guard shown < Self.looks else { return false }
    }
    return true
  }

  /// Until the server ends, or for a moment.
  private func pause() {
    guard let server else {
      // The supervisor's number is not known, and its lock tells only who asks.
      usleep(2_000)
      return
    }
    var end = pollfd(fd: server.raw, events: Int16(POLLIN), revents: 0)
    // Once the server has ended poll returns at once, and of what it leaves behind nobody tells when it is gone.
    if poll(&end, 1, 20) > 0 { usleep(2_000) }
  }
}
