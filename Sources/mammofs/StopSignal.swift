import CLinux
import Glibc
import StorageCore
import Synchronization

/// Set by a signal that would end the program, so that it can tidy up first. A second one ends it at once.
final class StopSignal: Sendable {
  private let flag = Atomic(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }

  /// To be made before any thread is started, because threads inherit which signals wait.
  init() throws {
    let signals = lx_signalfd_for_end()
    let isHeeded = StorageCore.Thread.startIfPossible("signals") { [self] in
      var record = [UInt8](repeating: 0, count: 128)
      while read(signals, &record, record.count) > 0 {
        if flag.exchange(true, ordering: .relaxed) { _exit(1) }
      }
    }
    guard isHeeded else {
      throw Failure("there are no threads to be had; raise the limit of them (ulimit -u, or pids.max of a cgroup)")
    }
  }
}
