import ArgumentParser
import Glibc
import Logging
import MammoMount
import StorageCore

struct Mount: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Mounts a storage root; returns once the mount answers.")

  @Argument(
    help: "The folder to mount at; made where it is missing, refused where it is not empty.", completion: .directory)
  var mountPoint: String

  @Option(help: "The storage root (default: STORAGE_ROOT, then ./storage).", completion: .directory)
  var root: String?

  @Option(name: .customShort("o"), help: "Mount options, separated by commas, such as ro or noexec.")
  var options: [String] = []

  @Flag(help: "Stay in the foreground and log to standard error; SIGTERM unmounts.")
  var foreground = false

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Idle temporary files go after so long; 0 never.", valueName: "hours"))
  var tempMaxAge = Span(24)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How often to clean up, from the mount on; 0 never.", valueName: "hours"))
  var cleanupInterval = Span(24)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Finished upload sessions stay so long; 0 for as long as temporary files.", valueName: "minutes")
  )
  var sessionLinger = Span(60)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("A server that reads no requests for so long is replaced; 0 never.", valueName: "seconds"))
  var watchdog = Span(30)

  @Flag(help: "Begin a new store in the root, whatever is there.")
  var create = false

  @Flag(help: "Refuse a root that is not a storage root yet.")
  var existing = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How often to verify all images in the background; 0 never.", valueName: "hours"))
  var scrubInterval = Span(720)

  @Option(parsing: .unconditional, help: ArgumentHelp("How much of them to read a second.", valueName: "size"))
  var scrubRate = ByteCount(bytes: 16 << 20)

  @Option(
    parsing: .unconditional,
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
    try tempMaxAge.check("--temp-max-age", "hours")
    try cleanupInterval.check("--cleanup-interval", "hours")
    try sessionLinger.check("--session-linger", "minutes", zero: "as long as temporary files")
    try watchdog.check("--watchdog", "seconds")
    try scrubInterval.check("--scrub-interval", "hours")
    guard scrubRate.bytes > 0 else { throw ValidationError("--scrub-rate is at least a byte a second") }
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
      // A limit is no reason to end a mount that is there.
      try? Surroundings.liftLimits()
      return try serve(settings(root: Settings.root(root), mountPoint, flags), state, inBackground: !foreground)
    }
    try Surroundings.liftLimits()
    if let readyDescriptor {
      Surroundings.closeDescriptors(but: readyDescriptor)
      // In the background. Whoever started this has looked at the folders, and cleans up after it.
      return try serve(
        settings(root: Settings.root(root), mountPoint, flags), SharedState(), inBackground: true,
        ready: Background.Readiness(readyDescriptor))
    }
    // Modes are as they are documented.
    umask(0)
    var folders = try MountFolders(
      root: Settings.root(root), mountPoint: mountPoint, mayCover: flags.coversFiles,
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
    settings.tempMaxAge = tempMaxAge.seconds(of: 3600)
    settings.cleanupInterval = cleanupInterval.seconds(of: 3600)
    settings.sessionLinger = sessionLinger.seconds(of: 60)
    settings.scrub.interval = scrubInterval.value * 3600
    settings.scrub.rate = scrubRate.bytes
    settings.minFree = minFree?.bytes
    settings.idlePolling = idlePolling
    return settings
  }

  private func arguments(root: String, mountPoint: String) -> [String] {
    var arguments = ["mount", "--root", root]
    for option in options { arguments += ["-o", option] }
    arguments += ["--temp-max-age", tempMaxAge.argument, "--cleanup-interval", cleanupInterval.argument]
    arguments += ["--scrub-interval", scrubInterval.argument, "--scrub-rate", "\(scrubRate.bytes)"]
    if let minFree { arguments += ["--min-free", "\(minFree.bytes)"] }
    if !idlePolling { arguments.append("--no-idle-polling") }
    arguments += ["--session-linger", sessionLinger.argument, "--watchdog", watchdog.argument]
    return arguments + ["--", mountPoint]
  }

  private func serve(
    _ options: ServerOptions, _ state: SharedState, inBackground: Bool, ready: Background.Readiness? = nil
  ) throws {
    try Surroundings.reset()
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "mammofs")
    logger.logLevel = .info
    var arguments = self.arguments(root: options.root, mountPoint: options.mountPoint).dropFirst()
    if foreground { arguments = ["--foreground"] + arguments }
    var options = options
    options.arguments = Array(arguments)
    let supervisor = Supervisor(
      state, root: options.root, mountPoint: options.mountPoint, patience: watchdog.seconds(of: 1),
      arguments: options.arguments, logger: logger)
    let outcome = try start(supervisor, ready) { [logger, options] isFirst in
      // What has the descriptor's number later is something else.
      let ready = isFirst ? ready : nil
      do {
        let server = try MountServer(options, state: state, logger: logger) {
          ready?.done()
          ServiceManager.notify("READY=1\nSTATUS=serving \(options.root) at \(options.mountPoint)")
        } reopenLog: {
          // In the foreground it is whoever started this that keeps the log.
          guard inBackground else { return }
          do { try Background.logToRoot(options.root) } catch { logger.warning("the log is not opened anew: \(error)") }
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

  /// Runs `serve` under the supervisor, and passes on why not even that could begin.
  private func start(
    _ supervisor: Supervisor, _ ready: Background.Readiness?, _ serve: @escaping @Sendable (Bool) throws -> Void
  ) throws -> Supervisor.Outcome {
    do {
      return try supervisor.run(serve)
    } catch let failure as ServerFailure {
      // Of the first server only: it has not said anything yet, or this is its own process, where it is said once.
      ready?.failed("\(failure)")
      throw failure
    }
  }
}
