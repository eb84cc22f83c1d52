import SystemPackage

/// Threads that were started before there is a mount: one without them would not answer, and whoever asked it would
/// wait.
///
/// Each takes one piece of work. Those that nobody has wanted wait until ``dismiss()``, for when there are no others.
final class ThreadReserve: Sendable {
  private enum Work {
    case none, over
    case body(StaticString, @Sendable () -> Void)
  }

  private struct Parked {
    let thread: Thread
    let work: Monitor<Work>
  }

  private let parked = Monitor<[Parked]>([])

  /// Sets `wanted` threads aside, and throws where there are not even `needed` to be had.
  init(_ wanted: Int, atLeast needed: Int) throws(Errno) {
    for count in 0..<wanted {
      do throws(Errno) {
        let work = Monitor(Work.none)
        let thread = try Thread(name: "fuse-reserve") {
          let given = work.wait { work -> Work? in
            if case .none = work { return nil }
            return work
          }
          guard case .body(let name, let body) = given else { return }
          Thread.rename(name)
          body()
        }
        parked.withLock { $0.append(Parked(thread: thread, work: work)) }
      } catch {
        guard count < needed else { return }
        dismiss()
        throw error
      }
    }
  }

  /// Has a thread do `body`.
  func thread(name: StaticString, _ body: @escaping @Sendable () -> Void) throws(Errno) -> Thread {
    guard let free = parked.withLock({ $0.popLast() }) else { return try Thread(name: name, body) }
    free.work.withLock { $0 = .body(name, body) }
    free.work.wakeAll()
    return free.thread
  }

  /// Ends those that are left.
  func dismiss() {
    let left = parked.withLock { parked in
      defer { parked = [] }
      return parked
    }
    for free in left {
      free.work.withLock { $0 = .over }
      free.work.wakeAll()
      free.thread.join()
    }
  }
}
