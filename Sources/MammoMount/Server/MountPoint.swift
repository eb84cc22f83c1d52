internal import CLinux
internal import Glibc
internal import StorageCore
package import SystemPackage

/// A mammofs mount that there is, as the kernel lists it.
package struct MountPoint: Hashable, Sendable {
  /// Where it is mounted.
  package let path: String
  /// The storage root.
  package let root: String

  /// All mammofs mounts, the latest last.
  package static func all() -> [MountPoint] {
    guard let file = try? Sys.openFile("/proc/self/mountinfo"), let bytes = try? Sys.readUnsized(file) else {
      return []
    }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap(parse)
  }

  /// The mount at a path, if it is one of ours. Paths are to be ``resolved(_:)`` ones, here and below.
  package static func at(_ path: String) -> MountPoint? { all().last { $0.path == path } }

  /// The mount of a storage root.
  package static func of(root: String) -> MountPoint? { all().last { $0.root == root } }

  /// The mount of ours, at `path` or above it, whose server has died.
  package static func dead(holding path: String) -> MountPoint? {
    freeFromDyingServers()
    return all().last { isPath(path, in: $0.path) && isDead($0.path) }
  }

  static func parse(_ line: Substring) -> MountPoint? {
    // ID PARENT DEVICE ROOT PATH OPTIONS [TAGS…] - TYPE SOURCE SUPEROPTIONS
    let halves = line.split(separator: " - ", maxSplits: 1)
    guard halves.count == 2 else { return nil }
    let left = halves[0].split(separator: " ")
    let right = halves[1].split(separator: " ")
    guard left.count > 4, right.count > 1, right[0] == "fuse.mammofs" else { return nil }
    return MountPoint(path: unescaped(left[4]), root: unescaped(right[1]))
  }

  /// Blanks and their like are written as three octal digits.
  static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Whether the server of the mount that holds `path` has died and left the mount behind.
  package static func isDead(_ path: String) -> Bool {
    // Not stat, which the kernel may answer from memory.
    var result = statvfs()
    return statvfs(path, &result) != 0 && (errno == ENOTCONN || errno == ECONNABORTED)
  }

  /// Frees the clients of every server that was killed, together with its supervisor, while it was telling the kernel of a
  /// change: what is left of it waits for a folder's lock, whoever has that waits for the server, and neither can be killed.
  package static func freeFromDyingServers() {
    for mount in all() {
      guard let process = Storage.user(of: mount.root), !hasSupervisor(process), isDying(process) else { continue }
      // Ends the connection, whether or not the mount can go. Where that is not allowed, they wait for one who may.
      _ = mount.path.withCString { lx_umount($0, lx_MNT_FORCE) }
    }
  }

  /// Whether a server's parent is there to start another: it is of the same process group, which whoever inherits the
  /// children of dead parents is not.
  static func hasSupervisor(_ server: Int32) -> Bool {
    guard let (parent, group) = family(of: server), let (_, itsGroup) = family(of: parent) else { return false }
    return group == itsGroup
  }

  /// The parent and the process group of a process.
  private static func family(of process: Int32) -> (parent: Int32, group: Int32)? {
    guard let file = try? Sys.openFile("/proc/\(process)/stat"), let bytes = try? Sys.readUnsized(file) else {
      return nil
    }
    // PID (NAME) STATE PARENT GROUP …; the name may contain anything.
    let text = String(decoding: bytes, as: UTF8.self)
    let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
    guard fields.count > 3, let parent = Int32(fields[2]), let group = Int32(fields[3]) else { return nil }
    return (parent, group)
  }

  /// Whether a process was killed and a thread of it cannot end.
  private static func isDying(_ process: Int32) -> Bool {
    guard let tasks = try? Sys.openFile("/proc/\(process)/task"), let threads = try? FolderStream.all(of: tasks.raw)
    else {
      return false
    }
    return threads.contains { thread in
      guard let file = try? Sys.openFile("/proc/\(process)/task/\(thread.name)/status"),
        let bytes = try? Sys.readUnsized(file)
      else { return false }
      var (isWaiting, isKilled) = (false, false)
      for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
        let parts = line.split(whereSeparator: \.isWhitespace)
        guard parts.count > 1 else { continue }
        if parts[0] == "State:" { isWaiting = parts[1] == "D" }
        // A bit for each signal, from 1 on; SIGKILL is the ninth.
        if parts[0] == "SigPnd:" { isKilled = (UInt64(parts[1], radix: 16) ?? 0) & 1 << 8 != 0 }
      }
      return isWaiting && isKilled
    }
  }

  /// Takes a mount away.
  ///
  /// - Parameter lazily: also while it is in use.
  package static func detach(_ path: String, lazily: Bool = false) throws(Errno) {
    guard path.withCString({ lx_umount($0, lazily ? lx_MNT_DETACH : 0) }) == 0 else { throw Errno(rawValue: errno) }
  }

  /// Waits for whoever has a storage root in use without a mount to show for it: umount(8) does not wait for the
  /// server, which then still writes out what is in flight.
  ///
  /// - Parameter deadline: on the monotonic clock, in nanoseconds.
  /// - Returns: whether it has ended.
  static func waitForLeaving(root: String, until deadline: UInt64) -> Bool {
    guard of(root: root) == nil, let process = Storage.user(of: root) else { return false }
    let raw = lx_pidfd_open(process)
    guard raw >= 0 else { return waitForSupervisor(root: root, until: deadline) }
    let server = Descriptor(owning: raw)
    while true {
      let now = Clock.monotonic()
      guard now < deadline else { return false }
      var wait = pollfd(fd: server.raw, events: Int16(POLLIN), revents: 0)
      if poll(&wait, 1, CInt((deadline - now) / 1_000_000 + 1)) > 0 { return true }
    }
  }

  /// Waits for a supervisor whose server has ended, and which is about to.
  private static func waitForSupervisor(root: String, until deadline: UInt64) -> Bool {
    let end = min(deadline, Clock.monotonic() + 5_000_000_000)
    guard let lock = try? Root.openOwn(Layout.lock, ofRoot: root) else { return false }
    while lx_flock(lock.raw, 0, 0) != 0 {
      guard Clock.monotonic() < end else { return false }
      // A lock can be waited for with no deadline only, and this wait must have one.
      usleep(2_000)
    }
    return true
  }

  /// Unmounts by `unmount`, and returns when the server has let go of the storage root and ended.
  package func leave(_ unmount: () throws -> Void) throws {
    let lock = try? Root.openOwn(Layout.lock, ofRoot: root)
    // Taken before, because afterwards the number may be another process's.
    let server = Storage.user(of: root).flatMap { process in
      let descriptor = lx_pidfd_open(process)
      return descriptor >= 0 ? SharedDescriptor(Descriptor(owning: descriptor)) : nil
    }
    try unmount()
    if let lock { while lx_flock(lock.raw, 0, 1) != 0, errno == EINTR {} }
    if let server {
      var wait = pollfd(fd: server.raw, events: Int16(POLLIN), revents: 0)
      while poll(&wait, 1, -1) < 0, errno == EINTR {}
    }
  }
}
