import CLinux
import Glibc
import MammoMount
import StorageCore
import Synchronization
import SystemPackage

/// Runs the server in the background: by starting the program anew, because a
/// process with threads cannot be forked and go on.
enum Background {
  /// Seconds for which the next server is waited for, where the first died before it said that the mount answers.
  private static let patience: UInt64 = 60

  /// Starts `mammofs` with `arguments` and waits until the mount of `root` at `mountPoint` answers.
  static func start(_ arguments: [String], root: String, mountPoint: String) throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Failure("cannot start the server: \(Errno(rawValue: errno))") }
    let (reader, writer) = (ends[0], ends[1])
    _ = lx_set_cloexec(reader)
    let all = ["mammofs", arguments[0], "--ready-descriptor", "\(writer)"] + arguments.dropFirst()
    // By its own path, so that it is listed by its name.
    let process = try spawn((try? Sys.realPath("/proc/self/exe")) ?? "/proc/self/exe", all)
    close(writer)
    defer { close(reader) }
    let message = String(decoding: (try? Sys.readUnsized(reader)) ?? [], as: UTF8.self)
    if message == Readiness.word { return }
    if try answersYet(process, root: root, mountPoint: mountPoint) { return }
    throw Failure(
      message.isEmpty ? "the server ended before the mount answered; run with --foreground to see why" : message)
  }

  /// Whether the mount answers all the same, by another server that the process has started, or the process ends.
  private static func answersYet(_ process: pid_t, root: String, mountPoint: String) throws -> Bool {
    func isThere() -> Bool { MountPoint.at(mountPoint).map { MountPoint.isSame($0.root, root) } ?? false }
    let deadline = Clock.monotonic() + patience * 1_000_000_000
    while waitpid(process, nil, WNOHANG) == 0 {
      // It may go while it is asked: then what lies beneath it has answered.
      if isThere(), !MountPoint.isDead(mountPoint), isThere() { return true }
      guard Clock.monotonic() < deadline else {
        throw Failure("the mount at \(mountPoint) does not answer; \(root)/.mammofs/log says why")
      }
      // Nobody tells when the next server answers.
      usleep(10_000)
    }
    return false
  }

  private static func spawn(_ path: String, _ arguments: [String]) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in 0...2 as ClosedRange<Int32> {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY, 0)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A session of its own: a terminal that closes takes its processes with it.
    posix_spawnattr_setflags(&attributes, lx_POSIX_SPAWN_SETSID)
    var process: pid_t = 0
    let pointers = arguments.map { strdup($0) } + [nil]
    let variables = environment.map { strdup($0) } + [nil]
    defer { for pointer in pointers + variables { free(pointer) } }
    let result = posix_spawn(&process, path, &actions, &attributes, pointers, variables)
    guard result == 0 else { throw Failure("cannot start the server: \(Errno(rawValue: result))") }
    return process
  }

  /// The caller's, without what tunes the C library's memory for somebody else.
  private static var environment: [String] {
    var next = environ
    var variables: [String] = []
    while let variable = next.pointee {
      let text = String(cString: variable)
      if !["MALLOC_", "GLIBC_TUNABLES="].contains(where: { text.hasPrefix($0) }) { variables.append(text) }
      next += 1
    }
    return variables
  }

  /// The background server's way to say how its start went.
  final class Readiness: Sendable {
    static let word = "ready"
    private let descriptor: Mutex<Int32?>

    init(_ descriptor: Int32) {
      self.descriptor = Mutex(descriptor)
      // Not for processes that the server starts.
      _ = lx_set_cloexec(descriptor)
    }

    /// The mount answers.
    func done() { send(Self.word) }

    /// It will not.
    func failed(_ reason: String) { send(reason) }

    /// Says it once; what happens later is for the log.
    private func send(_ text: String) {
      guard let descriptor = descriptor.withLock({ $0.take() }) else { return }
      _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      close(descriptor)
    }
  }

  /// From now on what the server logs goes into the storage root's private folder.
  static func logToRoot(_ root: String) throws {
    let log = try Failure.explaining("write the log \(root)/.mammofs/log") { () throws(Errno) in
      let folder = try Root.privateFolder(ofRoot: root)
      // One old log is kept.
      if let size = try? Sys.stat(Layout.log, in: folder).st_size, size > 1 << 20 {
        try Sys.rename(Layout.log, in: folder, to: Layout.oldLog, in: folder)
      }
      return try Sys.openOwn(Layout.log, in: folder, O_WRONLY | O_CREAT | O_APPEND, mode: 0o640)
    }
    dup2(log.raw, 1)
    dup2(log.raw, 2)
  }
}
