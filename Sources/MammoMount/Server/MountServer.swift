internal import CLinux
internal import FuseKit
internal import Glibc
package import Logging
package import StorageCore
internal import SystemPackage

/// What a mount is asked to be.
package struct ServerOptions: Sendable {
  /// The storage root.
  package var root: String
  package var mountPoint: String
  package var flags: MountFlags
  /// Seconds after which idle temporary files go.
  package var tempMaxAge: Int64 = 24 * 3600
  /// Seconds between cleanups.
  package var cleanupInterval: Int64 = 24 * 3600
  /// Seconds for which a finished session stays.
  package var sessionLinger: Int64 = 3600
  package var scrub = ScrubOptions()
  /// Bytes of the disk that are kept back; `nil` is the usual part.
  package var minFree: Int64?
  /// Idle processors of a virtual machine may poll while requests come closely.
  package var idlePolling = true
  /// With which another program takes over, `--take-over` aside.
  package var arguments: [String] = []

  package init(root: String, mountPoint: String, flags: MountFlags) {
    self.root = root
    self.mountPoint = mountPoint
    self.flags = flags
  }
}

/// A mount from beginning to end: takes the storage root, mounts, serves, and leaves everything on disk.
package final class MountServer: Sendable {
  package let storage: Storage
  let options: ServerOptions
  let session: Session
  private let logger: Logger
  private let state: SharedState
  let reopenLog: @Sendable () -> Void

  /// Takes the storage root into use, or goes on with the one that an earlier server of the mount had.
  ///
  /// - Parameters:
  ///   - state: what outlives this server; of a mount that is being served, what the earlier one left.
  ///   - onReady: called once, when the mount answers.
  ///   - reopenLog: called at SIGHUP, for whoever has moved the log away.
  package init(
    _ options: ServerOptions, state: SharedState, logger: Logger, onReady: @escaping @Sendable () -> Void,
    reopenLog: @escaping @Sendable () -> Void
  ) throws(ServerFailure) {
    self.options = options
    self.reopenLog = reopenLog
    self.logger = logger
    self.state = state
    let heritage = state.phase == .serving ? Heritage(state) : nil
    state.hasInherited = true
    if heritage == nil { state.setNumbersAside(forCompanion: options.flags.unmountsByItself) }
    // Modes are the callers' business.
    umask(0)
    let descriptors = Int(clamping: lx_raise_descriptor_limit())
    let tree: MountTree
    do throws(StorageError) {
      storage = try Storage(path: options.root, refusals: RefusalLog(state.refusals))
      let staged = try Self.take(
        storage, for: options.mountPoint, heritage, onlyToRead: options.flags.isReadOnly)
      // A copy that nobody closes: the root is in use until the supervisor, too, has ended.
      let lock = storage.lockDescriptor
      if heritage == nil {
        try StorageError.wrap("keeping the storage root's lock") { () throws(Errno) in try state.keep(lock: lock) }
      }
      storage.freeSpace.reserve = try StorageError.wrap("asking for free space") {
        [storage, options] () throws(Errno) in
        if let asked = options.minFree { asked } else { try storage.freeSpace.usualReserve() }
      }
      let size = try storage.freeSpace.size()
      if let asked = options.minFree, size > 0, asked >= size {
        throw StorageError.reserveTooLarge(asked: asked, size: size)
      }
      tree = try MountTree(
        storage: storage, state: state, descriptorLimit: descriptors, logger: logger, onReady: onReady)
      if let heritage {
        tree.takeOver(heritage, staged: staged, state.intents)
        storage.startCounting()
      }
    } catch {
      throw ServerFailure(error)
    }
    let flags = options.flags
    var mount = MountOptions(name: storage.path, type: "mammofs", options: flags.handedOn)
    // What the kernel writes by itself nobody here can follow up.
    mount.passthrough = geteuid() == 0 && !flags.isSynchronous
    mount.clearsPrivileges = true
    mount.keepsProcessorsReady = options.idlePolling
    mount.progress = state.progress
    Session.setLog { logger.warning("libfuse: \($0)") }
    do throws(Errno) {
      session = try Session(fileSystem: Self.served(tree, flags), options: mount) { continuation in
        state.continuation = continuation
        state.phase = .serving
      }
    } catch {
      throw ServerFailure("libfuse does not know one of the mount options \(mount.options.joined(separator: ","))")
    }
  }

  /// Takes the storage root into use, if need be after the server of an earlier mount has let go of it.
  ///
  /// - Returns: the staged names of open files that have no other yet.
  private static func take(
    _ storage: Storage, for mountPoint: String, _ heritage: Heritage?, onlyToRead: Bool
  ) throws(StorageError) -> [FileIdentity: FileName] {
    let user = "the mount at \(mountPoint) (pid \(getpid()))"
    if let heritage {
      return try storage.initialize(as: user, inheriting: heritage.inheritance, onlyToRead: onlyToRead)
    }
    let deadline = Clock.monotonic() + 30_000_000_000
    while true {
      do throws(StorageError) {
        return try storage.initialize(as: user, inheriting: nil, onlyToRead: onlyToRead)
      } catch {
        guard case .inUse = error, MountPoint.waitForLeaving(root: storage.path, until: deadline) else { throw error }
      }
    }
  }

  /// Shows what a command found that has brought the storage root in order before this mount.
  private func showKept() {
    do throws(StorageError) {
      for line in try storage.recallRefusals() { logger.warning("found by an earlier command: \(line)") }
    } catch {
      // It is no reason not to mount; nothing of it is lost.
      logger.warning("\(error)")
    }
  }

  private static func served(_ tree: MountTree, _ flags: MountFlags) -> any FileSystem {
    guard flags.isSynchronous || flags.namesAreSynchronous else { return tree }
    return SynchronousTree(tree: tree, isForNamesOnly: !flags.isSynchronous)
  }

  /// Mounts and serves until unmounted, or until one of the signals that end a program.
  package func run() throws(ServerFailure) {
    let signals = lx_signalfd_for_end()
    let present = PresentMount(options, root: storage.path)
    storage.rests { present.isReadOnly }
    let goesOn = state.phase == .serving
    let threads = try reserve(goesOn: goesOn)
    let housekeeping = Housekeeping(storage: storage, options: options, mount: present, logger: logger)
    if goesOn {
      try takeOver()
    } else {
      showKept()
      try mount()
      logger.info("mounted", metadata: ["root": "\(storage.path)", "at": "\(options.mountPoint)"])
      let (present, absent) = storage.abilities.inWords
      logger.info("the storage root's file system", metadata: ["has": "\(present)", "lacks": "\(absent)"])
    }
    storage.abandons { [weak session] in session?.isDisconnected ?? true }
    let scrub = Scrub(storage: storage, options: options.scrub)
    let control = ControlSocket(
      storage: storage, housekeeping: housekeeping, options: options, mount: present, logger: logger,
      isMounted: { [state] in state.phase == .serving && state.continuation?.isMounted ?? true }, upgrade: upgrade)
    var missing: [String] = []
    if !threads.start("signals", { [self] in heed(signals) }) { missing.append("signals") }
    if !storage.isReadOnly, !control.start(on: threads) { missing.append("the command line") }
    // What is mounted to be read only is to stay as it is.
    if !options.flags.isReadOnly {
      if !housekeeping.start(goesOn: goesOn, on: threads) { missing.append("cleaning up") }
      if !storage.digests.start(storage, on: threads) { missing.append("digests") }
      if !scrub.start(on: threads) { missing.append("the scrub") }
    }
    threads.dismiss()
    if !missing.isEmpty {
      logger.error(
        "there are no threads for \(missing.joined(separator: ", ")); \(Self.threadAdvice), and upgrade or mount again",
        metadata: ["at": "\(options.mountPoint)"])
    }
    var failure: Errno?
    do throws(Errno) {
      try session.run()
    } catch {
      failure = error
    }
    if let program = state.upgrade {
      // Everything that was asked is answered. Whoever takes over finds the rest as after a crash.
      if !options.flags.isReadOnly { storage.digests.leaveNotes(storage) }
      logger.info("handing over", metadata: ["to": "\(program)", "at": "\(options.mountPoint)"])
      _exit(0)
    }
    session.unmount()
    state.phase = .ended
    scrub.stop()
    storage.digests.stop(storage)
    housekeeping.stop()
    do throws(StorageError) { try storage.close() } catch { throw ServerFailure(error) }
    logger.info("unmounted", metadata: ["at": "\(options.mountPoint)"])
    if let failure {
      throw ServerFailure("the mount at \(options.mountPoint) has ended: \(failure.description.lowercased())")
    }
  }

  /// The one socket that is open after mounting, if there is any, is libfuse's to `fusermount3`.
  private static func openSocket() -> CInt? {
    guard let folder = try? Sys.openFile("/proc/self/fd"), let all = try? FolderStream.all(of: folder) else {
      return nil
    }
    return all.compactMap { CInt($0.name.description) }.first { number in
      number > 2 && (try? Sys.stat(number)).map { $0.st_mode & S_IFMT == S_IFSOCK } ?? false
    }
  }

  /// Goes on with the mount that an earlier server served.
  private func takeOver() throws(ServerFailure) {
    guard let continuation = state.continuation else {
      throw ServerFailure("the mount at \(options.mountPoint) cannot be taken over: nothing was left of its server")
    }
    let path = options.mountPoint
    let deadline = Clock.monotonic() + Self.threadPatience
    do throws(Errno) {
      while true {
        do throws(Errno) {
          try session.adopt(continuation) { [logger, storage] in
            if let error = MountPoint.release(path, of: storage.path) {
              logger.error("cannot unmount", metadata: ["at": "\(path)", "error": "\(error)"])
            }
          }
          break
        } catch .resourceTemporarilyUnavailable where Clock.monotonic() < deadline {
          // Nobody tells when there are threads again.
          usleep(50_000)
        }
      }
    } catch .resourceTemporarilyUnavailable {
      throw Self.wantOfThreads(path)
    } catch {
      throw ServerFailure("the mount at \(options.mountPoint) cannot be taken over: \(error)")
    }
    logger.notice("taken over", metadata: ["root": "\(storage.path)", "at": "\(path)"])
  }

  /// Ends this server, answering what was asked, for `program` to take over.
  private func upgrade(to program: String) {
    state.upgrade = program
    session.stop()
  }

  /// Mounts, and says why where that fails.
  private func mount() throws(ServerFailure) {
    let said = Monitor<[String]>([])
    Session.setLog { line in said.withLock { $0.append(line) } }
    let (error, lines) = StandardErrorCapture.lines { () -> Errno? in
      do throws(Errno) {
        try session.mount(at: options.mountPoint)
        state.keep(device: session.descriptor)
        if options.flags.unmountsByItself, let socket = Self.openSocket() { state.keep(companion: socket) }
        return nil
      } catch {
        return error
      }
    }
    Session.setLog { [logger] in logger.warning("libfuse: \($0)") }
    let reasons = said.withLock { $0 } + lines
    if let error {
      // Lets go of the storage root. That it fails, too, is not what stands in the way.
      try? storage.close()
      if error == .resourceTemporarilyUnavailable, reasons.isEmpty { throw Self.wantOfThreads(options.mountPoint) }
      throw ServerFailure(mountingAt: options.mountPoint, error, said: reasons, labels: options.flags.labels)
    }
    for reason in reasons { logger.warning("mounting: \(reason)") }
    // Of two who mount at once each saw that nothing was there.
    if let other = MountPoint.beneath(storage.path, at: options.mountPoint) {
      session.unmount()
      try? storage.close()
      throw ServerFailure(other.isThereAlready)
    }
  }
}
