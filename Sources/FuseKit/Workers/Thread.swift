internal import CFuse
import Glibc
import SystemPackage

/// A thread of the kernel's, for work that blocks.
///
/// Its signals are blocked: those that end a server belong to the program, and a
/// handler that runs on one of these threads would interrupt a request.
struct Thread {
  private let id: pthread_t

  /// Starts a thread that somebody will ``join()``.
  init(name: StaticString, _ body: @escaping @Sendable () -> Void) throws(Errno) {
    id = try Thread.start(name, body)
  }

  func join() { pthread_join(id, nil) }

  /// Nobody will ``join()`` it.
  func detach() { pthread_detach(id) }

  /// Gives the calling thread a name.
  static func rename(_ name: StaticString) {
    name.withUTF8Buffer {
      $0.withMemoryRebound(to: CChar.self) { mfs_name_thread($0.baseAddress) }
    }
  }

  private final class Start {
    let name: StaticString
    let body: @Sendable () -> Void
    init(name: StaticString, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  private static func start(
    _ name: StaticString, _ body: @escaping @Sendable () -> Void
  ) throws(Errno) -> pthread_t {
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var id = pthread_t()
    // The mask is inherited, so that there is no moment in which a signal could hit the new thread.
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    let result = pthread_create(
      &id, nil,
      { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        Thread.rename(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    pthread_sigmask(SIG_SETMASK, &before, nil)
    guard result == 0 else {
      start.release()
      throw Errno(rawValue: result)
    }
    return id
  }
}
