import Glibc
import Synchronization

/// Threads of their own, since the calls measured here block.
enum Workers {
  private final class Job: Sendable {
    let body: @Sendable (Int) throws(Failure) -> Void
    let failure = Mutex<Failure?>(nil)

    init(_ body: @escaping @Sendable (Int) throws(Failure) -> Void) { self.body = body }

    func run(_ index: Int) {
      do throws(Failure) { try body(index) } catch { failure.withLock { $0 = error } }
    }
  }

  private final class Share: Sendable {
    let job: Job
    let index: Int

    init(_ job: Job, _ index: Int) { (self.job, self.index) = (job, index) }
  }

  /// Runs `body` with 0, 1, … at once, and returns when all have ended.
  static func run(_ count: Int, _ body: @escaping @Sendable (Int) throws(Failure) -> Void) throws(Failure) {
    let job = Job(body)
    var threads: [pthread_t] = []
    for index in 0..<count {
      var thread = pthread_t()
      let share = Unmanaged.passRetained(Share(job, index))
      let code = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          let share = Unmanaged<Share>.fromOpaque(argument).takeRetainedValue()
          share.job.run(share.index)
          return nil
        }, share.toOpaque())
      guard code == 0 else { throw .code(code, "pthread_create", "") }
      threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
    if let failure = job.failure.withLock({ $0 }) { throw failure }
  }
}
