import Glibc
public import SystemPackage

/// One mounted file system: mounts it, serves it, and unmounts it.
///
/// ```swift
/// let session = try Session(fileSystem: Greeting(), options: MountOptions(name: "greeting", type: "greeting"))
/// try session.mount(at: "/mnt")
/// defer { session.unmount() }
/// try session.run()
/// ```
///
/// It neither installs signal handlers nor goes into the background: that is the
/// program's to decide. On a signal, call ``stop()`` from an ordinary thread.
public final class Session: Sendable {
  private enum Phase { case new, mounted, negotiating, serving, ended, unmounted }

  private struct State {
    var phase = Phase.new
    var connection: Connection?
    var shouldStop = false
    /// A session serves once: what was agreed at its start is not asked again.
    var hasRun = false
    /// What ended the connection, where that was an error.
    var failure: Errno?
    /// Taken over from another process, with how to unmount it.
    var adopted: (continuation: Continuation, unmount: @Sendable () -> Void)?
    /// Set aside before there is anything to serve.
    var threads: ThreadReserve?
  }

  /// Those of messenger, watch and the first worker; without them nothing is served.
  private static let neededThreads = 3
  /// With more workers, so that a few may block although no more threads are to be had.
  private static let wantedThreads = 6

  private let server: Server
  private let libfuse: LibfuseSession
  private let options: MountOptions
  private let notifier = KernelNotifier()
  private let onNegotiation: (@Sendable (Continuation) -> Void)?
  private let state = Monitor(State())

  /// Throws `EINVAL` where libfuse knows one of the options not.
  ///
  /// - Parameter onNegotiation: called once the kernel has said what it offers, before anything is served, with what
  ///   another process needs to go on with the mount.
  ///
  /// The corresponding C function is `fuse_session_new`.
  public init(
    fileSystem: any FileSystem, options: MountOptions, onNegotiation: (@Sendable (Continuation) -> Void)? = nil
  ) throws(Errno) {
    self.onNegotiation = onNegotiation
    server = Server(fileSystem)
    libfuse = try LibfuseSession(server: server, options: options)
    self.options = options
  }

  deinit {
    state.withLock { $0.threads }?.dismiss()
    notifier.close()
    notifier.closeDevice()
  }

  /// Mounts at the folder `path`: as root by mount(2), else by `fusermount3`.
  ///
  /// Throws `EAGAIN` where there are no threads to serve it, `ENOTCONN` where a mount whose server died still lies
  /// there, `ENODEV` where there is no FUSE, and `EPERM` where `fusermount3` refuses. The corresponding C function is `fuse_session_mount`.
  public func mount(at path: String) throws(Errno) {
    guard state.withLock({ $0.phase == .new }) else { throw .resourceBusy }
    var folder = stat()
    guard stat(path, &folder) == 0 else { throw Errno(rawValue: errno) }
    let threads = try ThreadReserve(Self.wantedThreads, atLeast: Self.wantedThreads)
    do throws(Errno) {
      try libfuse.mount(at: path)
      do throws(Errno) {
        try connect(threads)
      } catch {
        libfuse.unmount()
        throw error
      }
    } catch {
      threads.dismiss()
      throw error
    }
  }

  /// Goes on with a mount that another process served until it ended. Nothing may be served there any more.
  ///
  /// The kernel is not asked again what it offers: it is as it was. What was read and not answered it sends again,
  /// marked as such (``RequestNumber/isResent``). Throws `EOPNOTSUPP` where the kernel cannot do that, and `EAGAIN`
  /// where there are no threads to serve it: it can then be tried again.
  ///
  /// - Parameter unmount: takes the mount away; called at most once, at the end.
  public func adopt(_ continuation: Continuation, unmount: @escaping @Sendable () -> Void) throws(Errno) {
    guard state.withLock({ $0.phase == .new }) else { throw .resourceBusy }
    guard continuation.canResend else { throw .notSupported }
    let threads = try ThreadReserve(Self.wantedThreads, atLeast: Self.neededThreads)
    do throws(Errno) {
      try libfuse.adopt(continuation.descriptor)
      state.withLock { $0.adopted = (continuation, unmount) }
      try connect(threads)
    } catch {
      threads.dismiss()
      throw error
    }
  }

  /// Over which the kernel asks; -1 before there is a mount.
  public var descriptor: CInt { libfuse.descriptor }

  /// Whether the mount has gone: nobody waits for an answer any more. True also while all requests that were read are
  /// being worked on, and none is there to find that out.
  public var isDisconnected: Bool {
    var device = pollfd(fd: libfuse.descriptor, events: 0, revents: 0)
    return poll(&device, 1, 0) == 1 && device.revents & Int16(POLLERR) != 0
  }

  private func connect(_ threads: ThreadReserve) throws(Errno) {
    let connection = try Connection(
      descriptor: libfuse.descriptor, progress: options.progress,
      processors: options.keepsProcessorsReady ? IdleProcessors() : nil)
    try libfuse.takeOverTransport(over: libfuse.descriptor)
    state.withLock {
      $0.connection = connection
      $0.threads = threads
      $0.phase = .mounted
    }
  }

  /// Serves until the file system is unmounted, by whomever, or ``stop()`` is called; every request that was
  /// read is answered before it returns.
  public func run() throws(Errno) {
    let (connection, threads, isStopped) = state.withLock { state -> (Connection?, ThreadReserve?, Bool) in
      guard !state.hasRun else { return (nil, nil, false) }
      guard !state.shouldStop else { return (nil, nil, true) }
      guard state.phase == .mounted else { return (nil, nil, false) }
      state.phase = .negotiating
      state.hasRun = true
      return (state.connection, state.threads, false)
    }
    if isStopped { return }
    guard let connection, let threads else { throw .socketNotConnected }
    defer {
      threads.dismiss()
      state.withLock { $0.phase = .ended }
      state.wakeAll()
    }

    let adopted = state.withLock { $0.adopted?.continuation }
    let agreement = if let adopted { negotiated(adopted) } else { try negotiate(over: connection) }
    guard let agreed = agreement else { return }
    state.withLock { $0.phase = .serving }
    notifier.open(device: connection.descriptor, passthrough: agreed.contains(.passthrough))
    defer { notifier.closeDevice() }
    server.fileSystem.mounted(notifier)
    defer { server.fileSystem.unmounted() }
    if adopted != nil { try Outgoing.requestResend(over: connection.descriptor) }
    try serve(connection, on: threads)
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  /// Makes ``run()`` return once the requests under way are answered. Returns at once; from any thread, but
  /// not from a signal handler.
  public func stop() {
    state.withLock {
      $0.shouldStop = true
      if $0.phase == .negotiating { $0.connection?.stop() }
    }
    state.wakeAll()
  }

  /// Stops, waits until ``run()`` is done, and unmounts. Not from a handler of the file system.
  ///
  /// The corresponding C function is `fuse_session_unmount`.
  public func unmount() {
    stop()
    let wasMounted = state.wait { state -> Bool? in
      switch state.phase {
      case .negotiating, .serving: return nil
      case .new, .unmounted: return false
      case .mounted, .ended:
        state.phase = .unmounted
        return true
      }
    }
    guard wasMounted else { return }
    // An adopted mount is not libfuse's to take away: it knows the descriptor only.
    libfuse.unmount()
    state.withLock { $0.adopted?.unmount }?()
  }

  /// Stops and waits until ``run()`` is done, and leaves the mount to whoever takes it over. Not from a handler of the
  /// file system.
  public func leave() {
    stop()
    state.wait { state -> Void? in
      switch state.phase {
      case .negotiating, .serving: return nil
      case .new, .unmounted, .mounted, .ended: return ()
      }
    }
  }

  // MARK: Serving

  /// Answers the kernel's first request, INIT, and returns what was agreed; nil where it never came.
  private func negotiate(over connection: Connection) throws(Errno) -> InitFlags? {
    let worker = Worker(polling: 0)
    let arrival = worker.occupy { worker -> Connection.Arrival in
      let arrival = connection.receive(into: worker.requestBuffer, patience: &worker.patience)
      if case .request(let size, _) = arrival {
        let request = UnsafeMutableRawBufferPointer(rebasing: worker.requestBuffer[..<size])
        let copy = Array(request)
        agree(
          to: request,
          InitFlags.wanted(passthrough: options.passthrough, clearsPrivileges: options.clearsPrivileges), worker)
        onNegotiation?(
          Continuation(
            descriptor: connection.descriptor, initialization: copy, agreed: worker.agreed.rawValue))
      }
      return arrival
    }
    switch arrival {
    case .request: return worker.agreed
    case .stopped, .gone, .nothing: return nil
    case .failed(let error): throw error
    }
  }

  /// Serves INIT.
  private func agree(to request: UnsafeMutableRawBufferPointer, _ wanted: InitFlags, _ worker: Worker) {
    if let offer = InitRequest(UnsafeRawBufferPointer(request)) {
      worker.patchNextReply(.agree(wanted: wanted, offered: offer.offered))
    }
    libfuse.process(request)
  }

  /// As ``negotiate(over:)``, of what was agreed with an earlier server: libfuse is told, the kernel is not.
  private func negotiated(_ continuation: Continuation) -> InitFlags {
    let worker = Worker(polling: 0)
    worker.isReplaying = true
    worker.occupy { worker in
      worker.requestBuffer.copyBytes(from: continuation.initialization)
      agree(
        to: UnsafeMutableRawBufferPointer(rebasing: worker.requestBuffer[..<continuation.initialization.count]),
        InitFlags(rawValue: continuation.agreed), worker)
    }
    return worker.agreed
  }

  private func serve(_ connection: Connection, on threads: ThreadReserve) throws(Errno) {
    let team = try Team(
      connection: connection, limit: options.workers, polling: options.polling, threads: threads,
      serve: { [libfuse] in libfuse.process($0) },
      onEnd: { [state] error in
        state.withLock {
          $0.shouldStop = true
          $0.failure = error
        }
        state.wakeAll()
      })
    let messenger = try threads.thread(name: "fuse-notify") { [notifier, libfuse] in notifier.deliver(to: libfuse) }
    var isDelivering = true
    func endDelivery() {
      guard isDelivering else { return }
      isDelivering = false
      notifier.close()
      messenger.join()
    }
    defer { endDelivery() }
    try team.run {
      state.wait { $0.shouldStop ? () : nil }
      // While the workers still serve: a delivery may wait for a request.
      endDelivery()
    }
  }
}
