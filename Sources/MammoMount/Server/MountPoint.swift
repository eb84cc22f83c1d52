internal import CLinux
internal import Glibc
internal import StorageCore
package import SystemPackage

/// A mammofs mount that there is, as the kernel lists it.
package struct MountPoint: Hashable, Sendable {
  let line: MountLine

  /// Where it is mounted.
  package var path: String { line.path }
  /// The storage root, by what the mount says of itself.
  package var root: String { line.source }

  /// It shows all of it, and not a folder that is bound to another place.
  package var isWhole: Bool { line.folder == "/" }

  init?(_ line: MountLine) {
    guard line.type == "fuse.mammofs" else { return nil }
    self.line = line
  }

  /// All mammofs mounts, the latest last.
  package static func all() -> [MountPoint] { MountLine.all().compactMap(MountPoint.init) }

  /// The uppermost mount of ours at a path. Paths are to be ``resolved(_:)`` ones, here and below.
  package static func at(_ path: String) -> MountPoint? {
    let mounts = all().filter { isSame($0.path, path) }
    return mounts.last { mount in !mounts.contains { $0.line.parent == mount.line.number } }
  }

  /// The other mount of ours upon which that of `root` at `path` lies, at the same place.
  static func beneath(_ root: String, at path: String) -> MountPoint? {
    let mounts = all().filter { isSame($0.path, path) }
    guard let own = mounts.last(where: { isSame($0.root, root) }) else { return nil }
    return mounts.first { $0.line.number == own.line.parent }
  }

  /// What to say of it to whoever wants to mount there.
  package var isThereAlready: String {
    "\(path) is mounted already (storage root \(root)); run: mammofs unmount \(path)"
  }

  /// The mount of a storage root.
  package static func of(root: String) -> MountPoint? {
    all().last { isSame($0.root, root) && $0.isWhole && $0.isItsRoots }
  }

  /// The mount of ours, at `path` or above it, whose server has died.
  package static func dead(holding path: String) -> MountPoint? {
    freeFromDyingServers()
    return all().last { isPath(path, in: $0.path) && isDead($0.path) }
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
}
