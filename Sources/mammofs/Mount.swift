import ArgumentParser
import Glibc
import Logging
import MammoMount
import Synchronization

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

  @Option(
    help: ArgumentHelp(
      "New data is refused with less than so much free (default: 64M, and of a small disk a hundredth).",
      valueName: "size"))
  var minFree: ByteCount?

  @Option(help: .hidden)
  var readyDescriptor: Int32?

  func validate() throws {
    guard tempMaxAge >= 0, cleanupInterval > 0, sessionLinger >= 0,
      [tempMaxAge, cleanupInterval, sessionLinger].allSatisfy({ $0 < 1e6 })
    else { throw ValidationError("ages and intervals are positive numbers below a million") }
    guard !mountPoint.isEmpty, root != "" else { throw ValidationError("a folder's path is not empty") }
  }

  func run() throws {
    let flags = try MountFlags(options, privileged: geteuid() == 0)
    if let readyDescriptor {
      // In the background. Whoever started this has looked at the folders, and cleans up after it.
      let ready = Background.Readiness(readyDescriptor)
      do {
        try serve(settings(root: Settings.root(root), mountPoint, flags), inBackground: true) { ready.done() }
      } catch {
        ready.failed("\(error)")
        throw error
      }
      return
    }
    var folders = try MountFolders(root: Settings.root(root), mountPoint: mountPoint)
    try folders.make()
    let hasBegun = Atomic(false)
    do {
      if foreground {
        try serve(settings(root: folders.root, folders.mountPoint, flags), inBackground: false) {
          hasBegun.store(true, ordering: .relaxed)
        }
      } else {
        try Background.start(arguments(root: folders.root, mountPoint: folders.mountPoint))
      }
    } catch {
      if !hasBegun.load(ordering: .relaxed) { folders.takeBack() }
      throw error
    }
  }

  private func settings(root: String, _ mountPoint: String, _ flags: MountFlags) -> ServerOptions {
    var settings = ServerOptions(root: root, mountPoint: mountPoint, flags: flags)
    settings.tempMaxAge = Int64(tempMaxAge * 3600)
    settings.cleanupInterval = Int64(cleanupInterval * 3600)
    settings.sessionLinger = Int64(sessionLinger * 60)
    settings.minFree = minFree?.bytes
    return settings
  }

  private func arguments(root: String, mountPoint: String) -> [String] {
    var arguments = ["mount", "--root", root]
    for option in options { arguments += ["-o", option] }
    arguments += ["--temp-max-age", "\(tempMaxAge)", "--cleanup-interval", "\(cleanupInterval)"]
    if let minFree { arguments += ["--min-free", "\(minFree.bytes)"] }
    return arguments + ["--session-linger", "\(sessionLinger)", "--", mountPoint]
  }

  private func serve(
    _ options: ServerOptions, inBackground: Bool, onReady: @escaping @Sendable () -> Void
  ) throws {
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "mammofs")
    logger.logLevel = .info
    let server = try MountServer(options, logger: logger) {
      onReady()
      ServiceManager.notify("READY=1\nSTATUS=serving \(options.root) at \(options.mountPoint)")
    }
    if inBackground { try Background.logToRoot(options.root) }
    // The server holds no folder busy.
    _ = chdir("/")
    try server.run()
  }
}
