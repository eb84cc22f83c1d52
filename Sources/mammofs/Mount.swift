import ArgumentParser
import Glibc
import Logging
import MammoMount
import StorageCore
import SystemPackage

struct Mount: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Mounts a storage root; returns once the mount answers.")

  @Argument(help: "The folder to mount at; made where it is missing.")
  var mountPoint: String

  @Option(help: "The storage root (default: STORAGE_ROOT, then ./storage).")
  var root: String?

  @Option(name: .customShort("o"), help: "Mount options, separated by commas, such as ro or noexec.")
  var options: [String] = []

  @Flag(help: "Stay in the foreground and log to standard error.")
  var foreground = false

  @Option(help: ArgumentHelp("Idle temporary files go after so long.", valueName: "hours"))
  var tempMaxAge = 24.0

  @Option(help: ArgumentHelp("How often to clean up.", valueName: "hours"))
  var cleanupInterval = 24.0

  @Option(help: ArgumentHelp("Finished upload sessions stay so long.", valueName: "minutes"))
  var sessionLinger = 60.0

  @Option(help: .hidden)
  var readyDescriptor: Int32?

  func validate() throws {
    guard tempMaxAge >= 0, cleanupInterval > 0, sessionLinger >= 0,
      [tempMaxAge, cleanupInterval, sessionLinger].allSatisfy({ $0 < 1e6 })
    else { throw ValidationError("ages and intervals are positive numbers below a million") }
  }

  func run() throws {
    let flags = try MountFlags(options, privileged: geteuid() == 0)
    let (root, mountPoint) = try prepare()
    var options = ServerOptions(root: root, mountPoint: mountPoint, flags: flags)
    options.tempMaxAge = Int64(tempMaxAge * 3600)
    options.cleanupInterval = Int64(cleanupInterval * 3600)
    options.sessionLinger = Int64(sessionLinger * 60)
    if foreground || readyDescriptor != nil {
      try serve(options)
    } else {
      try Background.start(arguments(root: root, mountPoint: mountPoint))
    }
  }

  private func arguments(root: String, mountPoint: String) -> [String] {
    var arguments = ["mount", "--root", root]
    for option in options { arguments += ["-o", option] }
    arguments += ["--temp-max-age", "\(tempMaxAge)", "--cleanup-interval", "\(cleanupInterval)"]
    return arguments + ["--session-linger", "\(sessionLinger)", "--", mountPoint]
  }

  private func serve(_ options: ServerOptions) throws {
    let ready = readyDescriptor.map(Background.Readiness.init)
    do {
      try serve(options, ready)
    } catch {
      ready?.failed("\(error)")
      throw error
    }
  }

  private func serve(_ options: ServerOptions, _ ready: Background.Readiness?) throws {
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "mammofs")
    logger.logLevel = .info
    let server = try MountServer(options, logger: logger) {
      ready?.done()
      ServiceManager.notify("READY=1\nSTATUS=serving \(options.root) at \(options.mountPoint)")
    }
    if ready != nil { try Background.logToRoot(options.root) }
    // The server holds no folder busy.
    _ = chdir("/")
    try server.run()
  }

  /// Checks what can be checked before anything is touched, and returns absolute paths.
  private func prepare() throws -> (root: String, mountPoint: String) {
    let root = Settings.root(self.root)
    try clearDeadMount()
    try makeFolder(mountPoint, what: "mount point")
    try makeFolder(root, what: "storage root")
    guard let realMount = try? Sys.realPath(mountPoint) else {
      throw Failure("the mount point \(mountPoint) is not there")
    }
    if let mount = MountPoint.at(realMount) {
      throw Failure("\(realMount) is mounted already (storage root \(mount.root)); run: mammofs unmount \(realMount)")
    }
    guard let realRoot = try? Sys.realPath(root) else { throw Failure("the storage root \(root) is not there") }
    guard !isInside(realRoot, realMount) else {
      throw Failure(
        "the storage root \(realRoot) would be hidden by its own mount at \(realMount); choose another place")
    }
    guard !isInside(realMount, realRoot) else {
      throw Failure("the mount point \(realMount) is inside the storage root \(realRoot); choose another place")
    }
    return (realRoot, realMount)
  }

  /// A server that was killed leaves a mount that answers nothing: it is taken away, never mounted over.
  private func clearDeadMount() throws {
    guard MountPoint.isDead(mountPoint) else { return }
    let absolute = mountPoint.hasPrefix("/") ? mountPoint : "\(Self.workingDirectory)/\(mountPoint)"
    guard MountPoint.all().contains(where: { Self.normalized($0.path) == Self.normalized(absolute) }) else {
      throw Failure("\(mountPoint) holds a dead mount that is not mammofs's; run: umount -l \(mountPoint)")
    }
    do throws(Errno) {
      try MountPoint.detach(absolute, lazily: true)
    } catch .notPermitted {
      try FuserMount.unmount(absolute, lazily: true)
    } catch {
      throw Failure("cannot clear the dead mount at \(mountPoint): \(error)")
    }
  }

  private static var workingDirectory: String { (try? Sys.realPath(".")) ?? "/" }

  private static func normalized(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }

  private func makeFolder(_ path: String, what: String) throws {
    if let there = try? Sys.stat(Sys.openFile(path)) {
      guard there.st_mode & S_IFMT == S_IFDIR else { throw Failure("the \(what) \(path) is not a folder") }
      return
    }
    guard mkdir(path, 0o750) == 0 || errno == EEXIST else {
      throw Failure("cannot make the \(what) \(path): \(Errno(rawValue: errno))")
    }
  }

  private func isInside(_ path: String, _ folder: String) -> Bool {
    path == folder || path.hasPrefix(folder == "/" ? "/" : folder + "/")
  }
}
