internal import CLinux
internal import Glibc

/// A thread of the service's own, for work that nobody waits for.
package enum Thread {
  /// Starts `body` on a new thread, which ends with it. Signals go to other threads.
  ///
  /// Where no thread is to be had, the work is done here, late but done: for a caller that holds no lock.
  package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
    if !startIfPossible(name, body) { body() }
  }

  /// As ``start(_:_:)``; returns false where no thread is to be had.
  package static func startIfPossible(_ name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let work = Unmanaged.passRetained(Work(name: name, body: body))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { pointer in
        guard let pointer else { return nil }
        let work = Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
        lx_name_thread(work.name)
        work.body()
        return nil
      }, work.toOpaque())
    guard result == 0 else {
      work.release()
      return false
    }
    pthread_detach(thread)
    return true
  }

  static func rename(_ name: String) { lx_name_thread(name) }

  private final class Work: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}
