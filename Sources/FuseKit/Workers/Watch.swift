internal import CFuse
import Glibc
import Synchronization
import SystemPackage

/// Notices that the leader serves one request for too long, and takes the lead from it.
///
/// A thread of its own sleeps on a timer. The leader sets the timer at a request
/// if it is not set already; when it rings, the watch looks at the ``Beat``: the
/// same request twice in a row is stuck. So a busy mount is looked at once per
/// ``period``, and an idle one not at all.
final class Watch: Sendable {
  static let period = 1_000_000

  let beat = Beat()
  /// The leader's thread, by the kernel's number.
  let leader = Atomic<Int32>(0)
  private let timer: CInt
  private let isSet = Atomic<Bool>(false)
  private let hasEnded = Atomic<Bool>(false)

  init() throws(Errno) {
    timer = mfs_timer()
    guard timer >= 0 else { throw Errno(rawValue: errno) }
  }

  deinit { close(timer) }

  /// The leader begins to serve.
  func begin(_ opcode: Opcode) -> Beat.Mark {
    // The order matters: the watch clears `isSet` and then looks at the beat, so one of the two sees the other.
    let mark = beat.begin(opcode)
    if !isSet.load(ordering: .sequentiallyConsistent) { set() }
    return mark
  }

  /// Looks until ``end()``. `takeOver` is called without a lock when the lead was taken or, as its result said
  /// before, nobody could be found to have it; it returns whether somebody has it now.
  func run(takeOver: (Opcode?) -> Bool) {
    var suspicion = Suspicion()
    var isAbandoned = false
    while true {
      var rings: UInt64 = 0
      _ = read(timer, &rings, 8)
      if hasEnded.load(ordering: .sequentiallyConsistent) { return }
      if isAbandoned { isAbandoned = !takeOver(nil) }
      switch suspicion.look(at: beat.now) {
      case .rest:
        isSet.store(false, ordering: .sequentiallyConsistent)
        if beat.now.isServing || isAbandoned { set() }
      case .lookAgain: set()
      case .stuck(let mark):
        // One that only waits for a processor is not stuck: another leader would wait for the same.
        if mfs_thread_is_runnable(leader.load(ordering: .relaxed)) != 0 {
          set()
          continue
        }
        if beat.end(mark) { isAbandoned = !takeOver(mark.opcode) }
        set()
      }
    }
  }

  func end() {
    hasEnded.store(true, ordering: .sequentiallyConsistent)
    mfs_timer_set(timer, 1)
  }

  private func set() {
    isSet.store(true, ordering: .sequentiallyConsistent)
    mfs_timer_set(timer, Watch.period)
  }
}
