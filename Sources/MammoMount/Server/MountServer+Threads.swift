internal import FuseKit
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// The threads of a server beside those that serve requests.
extension MountServer {
  static let threadAdvice = "raise the limit of threads (ulimit -u, or TasksMax= of a unit, pids.max of a cgroup)"
  /// What a server needs beside those that serve: for signals, the command line, cleaning up, digests and the scrub.
  private static let ownThreads = 5
  /// So many nanoseconds a server that goes on with a mount waits for threads: those of the one before it go one by one.
  static let threadPatience: UInt64 = 5_000_000_000

  /// Sets threads aside before there is a mount, which without them would be one that does not answer.
  ///
  /// A server that goes on with a mount makes do with what it gets: clients wait for it.
  func reserve(goesOn: Bool) throws(ServerFailure) -> ThreadReserve {
    do throws(Errno) {
      return try ThreadReserve(Self.ownThreads)
    } catch {
      if goesOn { return ThreadReserve() }
      // Lets go of the storage root. That it fails, too, is not what stands in the way.
      try? storage.close()
      throw Self.wantOfThreads(options.mountPoint)
    }
  }

  static func wantOfThreads(_ mountPoint: String) -> ServerFailure {
    ServerFailure("cannot serve \(mountPoint): there are not enough threads to be had; \(threadAdvice)")
  }

  /// Ends the server at a signal that ends programs, and has its log opened anew at SIGHUP.
  func heed(_ signals: CInt) {
    // `struct signalfd_siginfo`, which begins with the number.
    var record = [UInt32](repeating: 0, count: 32)
    while read(signals, &record, 128) > 0 {
      if record[0] == UInt32(SIGHUP) {
        reopenLog()
        continue
      }
      storage.abandons { true }
      return session.stop()
    }
  }
}
