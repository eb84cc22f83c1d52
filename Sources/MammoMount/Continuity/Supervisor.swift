internal import CLinux
internal import FuseKit
internal import Glibc
package import Logging
internal import StorageCore
internal import SystemPackage

/// Keeps a mount alive while its servers come and go.
///
/// The supervisor and the server are two processes with one table of descriptors (`CLONE_FILES`). So the mounted
/// descriptor, and that of every file that a client has open, outlives the server without being sent anywhere. What
/// the descriptors mean is in ``SharedState``. When a server dies, the next one finds both, and the kernel sends
/// again what was not answered: clients notice a pause.
///
/// It does nothing else, in one thread and without locks, so that there is nothing in it that could fail.
package final class Supervisor {
  package enum Outcome {
    /// This is the server's process, and the server has ended well.
    case served
    /// The mount is gone, and the server exited so.
    case ended(status: CInt)
    /// The mount was given up, for this reason.
    case gaveUp(String)
  }

  private let state: SharedState
  private let root: String
  private let mountPoint: String
  private let logger: Logger
  private let patience: Int64
  private let arguments: [String]
  /// By a signal, which every server is told that comes yet: the one that was to end may have died before it did.
  private var isAskedToEnd = false
  /// When servers crashed, on the monotonic clock, in nanoseconds.
  private var crashes: [UInt64] = []

  /// So many crashes in so many nanoseconds are the end.
  private static let crashLimit = 3
  private static let crashPeriod: UInt64 = 10_000_000_000
  /// So many nanoseconds a server that has ended may wait for the disk.
  private static let diskPatience: UInt64 = 30_000_000_000
  /// So many nanoseconds a server may take to see what the one before it left open.
  private static let inheritancePatience: UInt64 = 5_000_000_000
  /// Milliseconds between two looks at the server.
  private static let pause: CInt = 500

  /// - Parameters:
  ///   - patience: seconds for which requests may wait without the server reading any; 0 is for ever.
  ///   - arguments: with which another program takes over, `--take-over` aside.
  package init(
    _ state: SharedState, root: String, mountPoint: String, patience: Int64, arguments: [String], logger: Logger
  ) {
    self.state = state
    self.root = root
    self.mountPoint = mountPoint
    self.patience = patience
    self.arguments = arguments
    self.logger = logger
  }

  /// Starts servers until the mount is gone. Each is `serve`, in a process of its own, where this returns, too.
  ///
  /// To be called while the process has one thread.
  ///
  /// - Parameter serve: is told whether it is the first.
  package func run(_ serve: @escaping @Sendable (_ isFirst: Bool) throws -> Void) throws -> Outcome {
    guard lx_block_supervisor_signals() == 0 else { throw ServerFailure("cannot block signals") }
    // Here, too: numbers come from one table, the limit of them does not. It takes a right that a server gives up.
    _ = lx_raise_descriptor_limit()
    var isFirst = true
    while true {
      state.hasInherited = false
      let server = Self.retrying(lx_fork_sharing_descriptors) { $0 >= 0 || errno != EAGAIN }
      if server == 0 {
        // Before there is any other thread: it would keep more.
        try Privileges.drop()
        try ServerThread.run { [isFirst] in try serve(isFirst) }
        return .served
      }
      guard server > 0 else {
        let reason = "no server can be started: \(Errno(rawValue: errno).description.lowercased())"
        // There is nothing yet to be given up.
        if isFirst { throw ServerFailure("\(reason); \(MountServer.threadAdvice)") }
        return giveUp(reason)
      }
      isFirst = false
      let (status, moment) = watch(server)
      if state.phase == .serving, let program = state.upgrade {
        state.upgrade = nil
        if !isAskedToEnd { handOver(to: program) }
        continue
      }
      switch state.phase {
      case .ended: return .ended(status: Self.exitCode(status))
      case .starting:
        // It has said why, unless it was killed.
        if status & 0x7f != 0 { release() }
        return .ended(status: Self.exitCode(status))
      case .serving: break
      }
      if let reason = reasonToGiveUp(status, at: moment) { return giveUp(reason) }
      if !canBeTakenOver { try mountAnew() }
    }
  }

  /// Calls `body` until it has a result that counts, or for some seconds: processes and threads of a server that has just
  /// ended go one by one, and nobody tells when there may be others.
  fileprivate static func retrying(_ body: () -> CInt, until counts: (CInt) -> Bool) -> CInt {
    let deadline = Clock.monotonic() + 5_000_000_000
    while true {
      let result = body()
      if counts(result) || Clock.monotonic() > deadline { return result }
      usleep(50_000)
    }
  }

  private static func exitCode(_ status: CInt) -> CInt {
    status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
  }

  // MARK: One server

  /// Waits for a server's end, and returns its status as `waitpid` does.
  ///
  /// - Returns: also when it was seen to have ended, which may be long before its last thread has.
  private func watch(_ server: pid_t) -> (status: CInt, moment: UInt64) {
    var status: CInt = 0
    var lastRead = state.requestsRead
    var waitingSince: UInt64?
    var endedSince: UInt64?
    let begin = Clock.monotonic()
    if isAskedToEnd { kill(server, SIGTERM) }
    while true {
      let signal = lx_wait_for_supervisor_signal(Self.pause)
      if signal == SIGHUP {
        // It opens the log anew, for both: they share their descriptors.
        kill(server, SIGHUP)
      } else if signal != 0, signal != SIGCHLD {
        isAskedToEnd = true
        kill(server, SIGTERM)
      }
      // Also of an earlier one that was not waited for: nobody else would.
      var ended = waitpid(-1, &status, WNOHANG)
      while ended > 0, ended != server { ended = waitpid(-1, &status, WNOHANG) }
      if ended == server { return (status, endedSince ?? Clock.monotonic()) }
      // It closes what it does not know, also what would be opened here for a look. A server that ends so early has
      // no thread yet that could be waited for.
      guard state.hasInherited || Clock.monotonic() - begin > Self.inheritancePatience else { continue }
      // A thread of it may be caught in the kernel until the next server answers: its end need not be waited for. One
      // that waits for the disk has to be, or what it does then is done behind the back of the next server.
      let phase = Self.phase(of: server)
      if signal == 0, phase == "Z" {
        let moment = endedSince ?? Clock.monotonic()
        endedSince = moment
        if lx_may_change_disk(server, state.device) == 0 || Clock.monotonic() - moment > Self.diskPatience {
          return (SIGKILL, moment)
        }
      }
      let read = state.requestsRead
      if read != lastRead || !(hasWaitingRequests || phase == "T") {
        waitingSince = nil
      } else {
        waitingSince = waitingSince ?? Clock.monotonic()
      }
      lastRead = read
      if patience > 0, let since = waitingSince, Clock.monotonic() - since > UInt64(patience) * 1_000_000_000 {
        logger.error("the server reads no requests and is ended", metadata: ["at": "\(mountPoint)"])
        kill(server, SIGKILL)
        waitingSince = nil
      }
    }
  }

  /// What the first thread of a process does, by the letter that ps shows: `Z` has ended, `T` is stopped.
  private static func phase(of process: pid_t) -> Character? {
    guard let file = try? Sys.openFile("/proc/\(process)/stat"), let bytes = try? Sys.readUnsized(file) else {
      return nil
    }
    // PID (NAME) STATE …; the name may contain anything.
    let text = String(decoding: bytes, as: UTF8.self)
    return text[(text.lastIndex(of: ")") ?? text.startIndex)...].dropFirst(2).first
  }

  private var hasWaitingRequests: Bool {
    guard state.phase != .ended, state.device >= 0 else { return false }
    var wait = pollfd(fd: state.device, events: Int16(POLLIN), revents: 0)
    return poll(&wait, 1, 0) > 0 && wait.revents & Int16(POLLIN) != 0
  }

  // MARK: After its end

  /// Why a server that has crashed gets no successor; `nil` where it does.
  private func reasonToGiveUp(_ status: CInt, at moment: UInt64) -> String? {
    let how = status & 0x7f != 0 ? "by signal \(status & 0x7f)" : "with exit code \(status >> 8 & 0xff)"
    // By whose end fusermount3 unmounts, the next mount as well.
    guard canBeTakenOver || state.companion < 0 else {
      return "the server ended \(how); with auto_unmount no other can follow on this kernel (before Linux 6.9)"
    }
    crashes = crashes.filter { moment - $0 < Self.crashPeriod } + [moment]
    guard crashes.count < Self.crashLimit else {
      return
        "the server ended \(crashes.count) times in \(Self.crashPeriod / 1_000_000_000) seconds, the last time \(how)"
    }
    logger.error("the server ended; another takes over", metadata: ["how": "\(how)", "at": "\(mountPoint)"])
    return nil
  }

  /// Whether the kernel sends again what was not answered: from Linux 6.9 on.
  private var canBeTakenOver: Bool { state.continuation?.canResend ?? false }

  /// Takes the mount away and leaves it to the next server to make it again, as at the start.
  private func mountAnew() throws {
    logger.warning(
      "this kernel (before Linux 6.9) cannot ask another server what was not answered, so the mount is made anew; what was open in it is lost to its clients",
      metadata: ["at": "\(mountPoint)"])
    release()
    Heritage.closeAll(but: [0, 1, 2, state.descriptor])
    try state.beginAnew()
  }

  private func release() {
    _ = MountPoint.release(mountPoint, of: root)
  }

  private func giveUp(_ reason: String) -> Outcome {
    release()
    // Whoever still waits is told by the end of the connection.
    if state.device >= 0 { close(state.device) }
    return .gaveUp(reason)
  }

  /// Becomes another program, which goes on with the mount. Returns where that fails; this program then goes on.
  private func handOver(to program: String) {
    state.keepDescriptorsOpen()
    let all = ["mammofs", "mount", "--take-over", "\(state.descriptor)"] + arguments
    let pointers = all.map { strdup($0) } + [nil]
    execv(program, pointers)
    let error = Errno(rawValue: errno)
    for pointer in pointers { free(pointer) }
    logger.error(
      "cannot hand over; the same program goes on", metadata: ["program": "\(program)", "error": "\(error)"])
  }
}

/// The thread on which a server's process does all its work.
private enum ServerThread {
  private final class Job {
    let body: @Sendable () throws -> Void
    var failure: (any Error)?

    init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }
  }

  /// Runs `body` on a thread of its own, and waits.
  ///
  /// The process's first thread is a copy of the supervisor's, under whose number the C library and Swift's locks
  /// know it: it must not take any.
  static func run(_ body: @escaping @Sendable () throws -> Void) throws {
    let job = Job(body)
    var thread = pthread_t()
    let result = Supervisor.retrying {
      pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          let job = Unmanaged<Job>.fromOpaque(argument).takeUnretainedValue()
          do { try job.body() } catch { job.failure = error }
          return nil
        }, Unmanaged.passUnretained(job).toOpaque())
    } until: {
      $0 != EAGAIN
    }
    guard result == 0 else { throw ServerFailure("no thread can be started; \(MountServer.threadAdvice)") }
    // It serves nobody, and prlimit(2) goes by it.
    lx_forget_nobody()
    pthread_join(thread, nil)
    if let failure = job.failure { throw failure }
  }
}
