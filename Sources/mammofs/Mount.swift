import ArgumentParser
import Glibc
import Logging
import MammoMount
import StorageCore

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

  @Option(help: ArgumentHelp("A server that reads no requests for so long is replaced; 0 never.", valueName: "seconds"))
  var watchdog: Int64 = 30

  @Flag(help: "Begin a new store in the root, whatever is there.")
  var create = false

  @Flag(help: "Refuse a root that is not a storage root yet.")
  var existing = false

  @Option(help: ArgumentHelp("How often to verify all images in the background; 0 is never.", valueName: "hours"))
  var scrubInterval = 720.0

  @Option(help: ArgumentHelp("How much of them to read a second.", valueName: "size"))
  var scrubRate = ByteCount(bytes: 16 << 20)

  @Option(
    help: ArgumentHelp(
      "New data is refused with less than so much free (default: 64M, and of a small disk a hundredth).",
      valueName: "size"))
  var minFree: ByteCount?

  @Flag(
    inversion: .prefixedNo,
    help: "Let idle processors of a virtual machine poll, not halt, while requests come one upon the other.")
  var idlePolling = true

  @Option(help: .hidden)
  var readyDescriptor: Int32?

  @Option(help: .hidden)
  var takeOver: Int32?

  @Option(help: .hidden)
  var checkTakeOver: UInt64?

  func validate() throws {
    guard tempMaxAge >= 0, cleanupInterval > 0, sessionLinger >= 0, scrubInterval >= 0,
      (0..<1_000_000).contains(watchdog),
      [tempMaxAge, cleanupInterval, sessionLinger, scrubInterval].allSatisfy({ $0 < 1e6 })
    else { throw ValidationError("ages and intervals are positive numbers below a million") }
    guard scrubRate.bytes > 0 else { throw ValidationError("a rate is at least a byte a second") }
    guard !create || !existing else { throw ValidationError("--create and --existing exclude each other") }
    guard !mountPoint.isEmpty, root != "" else { throw ValidationError("a folder's path is not empty") }
  }

  func run() throws {
    let flags = try MountFlags(options, privileged: geteuid() == 0)
    if let checkTakeOver {
      // Asked by a server that is to give way. That the rest has been understood up to here is part of the answer.
      guard checkTakeOver == SharedState.format else { throw Failure("it keeps what is open in another form") }
      return
    }
    if let takeOver {
      // Started by the supervisor of a mount, which this program is now.
      let state = try SharedState(inherited: takeOver)
      return try serve(settings(root: Settings.root(root), mountPoint, flags), state, inBackground: !foreground)
    }
    if let readyDescriptor {
      // In the background. Whoever started this has looked at the folders, and cleans up after it.
      return try serve(
        settings(root: Settings.root(root), mountPoint, flags), SharedState(), inBackground: true,
        ready: Background.Readiness(readyDescriptor))
    }
    var folders = try MountFolders(
      root: Settings.root(root), mountPoint: mountPoint,
      newRoot: create ? .wanted : existing ? .refused : .ifPlain)
    try folders.make()
    let state = try SharedState()
    do {
      if foreground {
        try serve(settings(root: folders.root, folders.mountPoint, flags), state, inBackground: false)
      } else {
        try Background.start(
          arguments(root: folders.root, mountPoint: folders.mountPoint), root: folders.root,
          mountPoint: folders.mountPoint)
      }
    } catch {
      if state.phase == .starting {
        state.releaseLock()
        folders.takeBack()
      }
      throw error
    }
  }

  private func settings(root: String, _ mountPoint: String, _ flags: MountFlags) -> ServerOptions {
    var settings = ServerOptions(root: root, mountPoint: mountPoint, flags: flags)
    settings.tempMaxAge = Int64(tempMaxAge * 3600)
    settings.cleanupInterval = Int64(cleanupInterval * 3600)
    settings.sessionLinger = Int64(sessionLinger * 60)
    settings.scrub.interval = scrubInterval * 3600
    settings.scrub.rate = scrubRate.bytes
    settings.minFree = minFree?.bytes
    settings.idlePolling = idlePolling
    return settings
  }

  private func arguments(root: String, mountPoint: String) -> [String] {
    var arguments = ["mount", "--root", root]
    for option in options { arguments += ["-o", option] }
    arguments += ["--temp-max-age", "\(tempMaxAge)", "--cleanup-interval", "\(cleanupInterval)"]
    arguments += ["--scrub-interval", "\(scrubInterval)", "--scrub-rate", "\(scrubRate.bytes)"]
    if let minFree { arguments += ["--min-free", "\(minFree.bytes)"] }
    if !idlePolling { arguments.append("--no-idle-polling") }
    return arguments + ["--session-linger", "\(sessionLinger)", "--watchdog", "\(watchdog)", "--", mountPoint]
  }

  private func serve(
    _ options: ServerOptions, _ state: SharedState, inBackground: Bool, ready: Background.Readiness? = nil
  ) throws {
    // Whoever read the log may have ended: that is no reason to end, too.
    signal(SIGPIPE, SIG_IGN)
    // Neither the supervisor nor a server holds a folder busy.
    _ = chdir("/")
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "mammofs")
    logger.logLevel = .info
    var arguments = self.arguments(root: options.root, mountPoint: options.mountPoint).dropFirst()
    if foreground { arguments = ["--foreground"] + arguments }
    var options = options
    options.arguments = Array(arguments)
    let supervisor = Supervisor(
      state, root: options.root, mountPoint: options.mountPoint, patience: watchdog, arguments: options.arguments,
      logger: logger)
    let outcome = try supervisor.run { [logger, options] isFirst in
      // What has the descriptor's number later is something else.
      let ready = isFirst ? ready : nil
      do {
        let server = try MountServer(options, state: state, logger: logger) {
          ready?.done()
          ServiceManager.notify("READY=1\nSTATUS=serving \(options.root) at \(options.mountPoint)")
        }
        // A read-only root takes no log; whoever wants one stays in the foreground.
        if inBackground, !server.storage.isReadOnly { try Background.logToRoot(options.root) }
        try server.run()
      } catch {
        ready?.failed("\(error)")
        throw error
      }
    }
    switch outcome {
    case .served: return
    case .ended(let status): if status != 0 { throw ExitCode(status) }
    case .gaveUp(let reason):
      let sentence = "\(options.mountPoint) is unmounted: \(reason)"
      logger.critical("\(sentence)")
      throw Failure(sentence)
    }
  }
}
