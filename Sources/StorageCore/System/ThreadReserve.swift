internal import Glibc
package import SystemPackage

/// Threads that were started before they are needed, because later there may be none to be had.
///
/// A mount that cannot have the threads it needs must be refused before it is there: so they are set aside first. Each
/// serves once; those that are left over end with ``dismiss()``.
package final class ThreadReserve: Sendable {
  private struct State {
    var idle = 0
    var works: [@Sendable () -> Void] = []
    var isDismissed = false
  }

  private let state = Monitor(State())

  /// An empty one, from which threads are started when they are asked for.
  package init() {}

  /// - Throws: `EAGAIN` where there are not so many threads to be had; then none is left.
  package init(_ count: Int) throws(Errno) {
    for _ in 0..<count {
      state.withLock { $0.idle += 1 }
      let state = state
      guard Thread.startIfPossible("reserve", { Self.serve(state) }) else {
        dismiss()
        throw .resourceTemporarilyUnavailable
      }
    }
  }

  private static func serve(_ state: Monitor<State>) {
    let work = state.wait(until: nil) { state, _ -> (@Sendable () -> Void)?? in
      if !state.works.isEmpty { return .some(state.works.removeFirst()) }
      return state.isDismissed ? .some(nil) : nil
    }
    if let work { work?() }
  }

  /// Has a thread do `body`, which then has a name of its own; false where no thread is to be had.
  package func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    let isTaken = state.change { state in
      guard state.idle > 0 else { return false }
      state.idle -= 1
      state.works.append {
        Thread.rename(name)
        body()
      }
      return true
    }
    return isTaken || Thread.startIfPossible(name, body)
  }

  /// Lets go of those that nobody wanted.
  package func dismiss() {
    state.change { state in
      state.idle = 0
      state.isDismissed = true
    }
  }
}
