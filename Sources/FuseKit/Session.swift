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
  }

  private let server: Server
  private let libfuse: LibfuseSession
  private let options: MountOptions
  private let notifier = KernelNotifier()
  private let state = Monitor(State())

  /// Throws `EINVAL` where libfuse knows one of the options not.
  ///
  /// The corresponding C function is `fuse_session_new`.
  public init(fileSystem: any FileSystem, options: MountOptions) throws(Errno) {
    server = Server(fileSystem)
    libfuse = try LibfuseSession(server: server, options: options)
    self.options = options
  }

  deinit {
    notifier.close()
    notifier.closeDevice()
  }

  /// Mounts at the folder `path`: as root by mount(2), else by `fusermount3`.
  ///
  /// Throws `ENOTCONN` where a mount whose server died still lies there, `ENODEV` where there is no FUSE,
  /// and `EPERM` where `fusermount3` refuses. The corresponding C function is `fuse_session_mount`.
  public func mount(at path: String) throws(Errno) {
    guard state.withLock({ $0.phase == .new }) else { throw .resourceBusy }
    var folder = stat()
    guard stat(path, &folder) == 0 else { throw Errno(rawValue: errno) }
    try libfuse.mount(at: path)
    do throws(Errno) {
      let connection = try Connection(descriptor: libfuse.descriptor)
      try libfuse.takeOverTransport(over: libfuse.descriptor)
      state.withLock {
        $0.connection = connection
        $0.phase = .mounted
      }
    } catch {
      libfuse.unmount()
      throw error
    }
  }

  /// Serves until the file system is unmounted, by whomever, or ``stop()`` is called; every request that was
  /// read is answered before it returns.
  public func run() throws(Errno) {
    let (connection, isStopped) = state.withLock { state -> (Connection?, Bool) in
      guard !state.hasRun else { return (nil, false) }
      guard !state.shouldStop else { return (nil, true) }
      guard state.phase == .mounted else { return (nil, false) }
      state.phase = .negotiating
      state.hasRun = true
      return (state.connection, false)
    }
    if isStopped { return }
    guard let connection else { throw .socketNotConnected }
    defer {
      state.withLock { $0.phase = .ended }
      state.wakeAll()
    }

    guard let agreed = try negotiate(over: connection) else { return }
    state.withLock { $0.phase = .serving }
    notifier.open(device: connection.descriptor, passthrough: agreed.contains(.passthrough))
    defer { notifier.closeDevice() }
    server.fileSystem.mounted(notifier)
    defer { server.fileSystem.unmounted() }
    try serve(connection)
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
    if wasMounted { libfuse.unmount() }
  }

  // MARK: Serving

  /// Answers the kernel's first request, INIT, and returns what was agreed; nil where it never came.
  private func negotiate(over connection: Connection) throws(Errno) -> InitFlags? {
    let wanted = InitFlags.wanted(passthrough: options.passthrough, clearsPrivileges: options.clearsPrivileges)
    let worker = Worker(polling: 0)
    let arrival = worker.occupy { worker -> Connection.Arrival in
      let arrival = connection.receive(into: worker.requestBuffer, patience: &worker.patience)
      if case .request(let size) = arrival {
        let request = UnsafeMutableRawBufferPointer(rebasing: worker.requestBuffer[..<size])
        if let offer = InitRequest(UnsafeRawBufferPointer(request)) {
          worker.patchNextReply(.agree(wanted: wanted, offered: offer.offered))
        }
        libfuse.process(request)
      }
      return arrival
    }
    switch arrival {
    case .request: return worker.agreed
    case .stopped, .gone: return nil
    case .failed(let error): throw error
    }
  }

  private func serve(_ connection: Connection) throws(Errno) {
    let team = try Team(
      connection: connection, limit: options.workers, polling: options.polling,
      serve: { [libfuse] in libfuse.process($0) },
      onEnd: { [state] error in
        state.withLock {
          $0.shouldStop = true
          $0.failure = error
        }
        state.wakeAll()
      })
    let messenger = try Thread(name: "fuse-notify") { [notifier, libfuse] in notifier.deliver(to: libfuse) }
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
