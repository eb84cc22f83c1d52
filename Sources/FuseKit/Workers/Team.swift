internal import CFuse
import Glibc
import Synchronization
import SystemPackage

/// The threads that serve a mount: one leads, the others serve or wait.
///
/// The rules are ``Crew``'s and ``Company``'s; this carries them out. <doc:FuseKit> explains them
/// and why they cannot deadlock.
final class Team: Sendable {
  private let crew: Monitor<Crew>
  /// Whether the last worker has left; apart from `crew`, so that a wake for a follower can reach nobody else.
  private let hasEmptied = Monitor(false)
  private let watch: Watch
  private let connection: Connection
  private let polling: Int
  private let threads: ThreadReserve
  private let serve: @Sendable (UnsafeMutableRawBufferPointer) -> Void
  private let onEnd: @Sendable (Errno?) -> Void

  private let postponed = PostponedRelease()
  /// So often the leader looks for a request that somebody waits for before it serves the postponed one: about as long
  /// as a caller that has closed a file takes to ask for the next.
  private static let glances = 24

  /// The kinds of request that blocked lately, one bit each; and how many of those did not since.
  private let slow = Atomic<UInt64>(0)
  private let quickInARow = Atomic<Int>(0)
  private let numbers = Mutex(WorkerNumbers())
  /// Workers other than the leader that are moving bytes.
  private let moving = Atomic<Int>(0)

  /// - Parameters:
  ///   - threads: those to begin with, two at least.
  ///   - serve: Answers the request in the buffer. Called on several threads at once.
  ///   - onEnd: The connection is gone, or failed; called once or not at all.
  init(
    connection: Connection, limit: Int, polling: Int, threads: ThreadReserve,
    serve: @escaping @Sendable (UnsafeMutableRawBufferPointer) -> Void,
    onEnd: @escaping @Sendable (Errno?) -> Void
  ) throws(Errno) {
    crew = Monitor(Crew(limit: limit, spare: 4))
    watch = try Watch()
    self.connection = connection
    self.polling = polling
    self.threads = threads
    self.serve = serve
    self.onEnd = onEnd
  }

  /// Serves until the connection is stopped or gone and every request that was read is answered.
  func run(untilStopped waitForStop: () -> Void) throws(Errno) {
    let watcher = try threads.thread(name: "fuse-watch") { [self] in watch.run(takeOver: replaceLeader) }
    defer {
      watch.end()
      watcher.join()
    }
    guard start(crew.withLock { $0.replaceLeader() }) else { throw .resourceTemporarilyUnavailable }
    waitForStop()
    connection.stop()
    hasEmptied.wait { $0 ? () : nil }
  }

  // MARK: One worker

  private func work() {
    let number = numbers.withLock { $0.take() }
    defer { numbers.withLock { $0.giveBack(number) } }
    Worker(polling: polling, number: number).occupy { worker in
      var place = crew.withLock { $0.arrive() }
      while true {
        switch place {
        case .lead:
          lead(worker)
          place = crew.withLock { $0.arrive() }
        case .park:
          place = crew.wait {
            let place = $0.look()
            return place == .park ? nil : place
          }
        case .leave: return noteDeparture()
        }
      }
    }
  }

  /// A thread was taken off the count.
  private func noteDeparture() {
    guard crew.withLock({ $0.threads == 0 }) else { return }
    hasEmptied.withLock { $0 = true }
    hasEmptied.wakeAll()
  }

  /// Reads and serves until the lead is somebody else's, or there is nothing to lead any more.
  private func lead(_ worker: Worker) {
    watch.leader.store(worker.thread, ordering: .relaxed)
    worker.spare = nil
    worker.company.paused()
    while true {
      // Polling next to a worker that moves bytes would take the core that the caller needs to use them.
      let mayPoll = moving.load(ordering: .relaxed) == 0
      let arrival = connection.receive(
        into: worker.requestBuffer, patience: &worker.patience, mayPoll: mayPoll,
        upTo: !postponed.isEmpty ? Team.glances : worker.spare != nil ? 0 : nil)
      switch arrival {
      case .request(let size, let wasWaiting):
        let request = UnsafeMutableRawBufferPointer(rebasing: worker.requestBuffer[..<size])
        guard let header = RequestHeader(UnsafeRawBufferPointer(request)) else { continue }
        if !header.opcode.mayOvertakeRelease, !servePostponed(worker) {
          serveApart(request, header, worker)
          return
        }
        if header.opcode == .release, postponed.keep(request) { continue }
        let hasCompany =
          header.opcode.hasCaller
          && worker.company.arrived(moves: header.opcode.moves(bytes: header.bytes), wasWaiting: wasWaiting)
        if hasCompany || isSlow(header) {
          // Counted before somebody else leads, and asks.
          let isOver = counting(header) {
            let isOver = handOver()
            if isOver { serveApart(request, header, worker) }
            return isOver
          }
          if isOver { return }
        }
        guard serveLeading(request, header, worker), servePostponed(worker) else { return }
      case .nothing:
        worker.company.paused()
        guard servePostponed(worker), useSpareTime(worker) else { return }
      case .stopped, .gone, .failed:
        guard servePostponed(worker) else { return }
        return end(arrival)
      }
    }
  }

  /// Serves a request; returns whether the lead is still the caller's.
  private func serveLeading(_ request: UnsafeMutableRawBufferPointer, _ header: RequestHeader, _ worker: Worker) -> Bool
  {
    let mark = watch.begin(header.opcode)
    worker.request = header.number
    serve(request)
    return watch.beat.end(mark)
  }

  /// Serves the postponed request, if there is one; returns whether the lead is still the caller's.
  private func servePostponed(_ worker: Worker) -> Bool {
    guard !postponed.isEmpty else { return true }
    return postponed.take { request in
      guard let header = RequestHeader(UnsafeRawBufferPointer(request)) else { return true }
      return serveLeading(request, header, worker)
    }
  }

  /// Does a piece of what can wait; returns whether the lead is still the caller's.
  private func useSpareTime(_ worker: Worker) -> Bool {
    guard let spare = worker.spare else { return true }
    let mark = watch.begin(.readdirplus)
    if !spare() { worker.spare = nil }
    return watch.beat.end(mark)
  }

  /// Serves a request with the lead given away.
  private func serveApart(_ request: UnsafeMutableRawBufferPointer, _ header: RequestHeader, _ worker: Worker) {
    worker.request = header.number
    guard slow.load(ordering: .relaxed) & header.opcode.bit != 0 else { return counting(header) { serve(request) } }
    let (start, sleeps) = (monotonicNanoseconds(), mfs_thread_sleeps())
    counting(header) { serve(request) }
    // A kind of request that blocked once is handed over until it did not several times in a row. One that has much to
    // do is no reason.
    if monotonicNanoseconds() &- start > UInt64(Watch.period) / 2, mfs_thread_sleeps() != sleeps {
      quickInARow.store(0, ordering: .relaxed)
    } else if quickInARow.wrappingAdd(1, ordering: .relaxed).newValue >= 16 {
      quickInARow.store(0, ordering: .relaxed)
      slow.store(0, ordering: .relaxed)
    }
  }

  private func isSlow(_ header: RequestHeader) -> Bool {
    header.opcode.takesLong || slow.load(ordering: .relaxed) & header.opcode.bit != 0
  }

  /// Counts who moves bytes while `body` runs.
  private func counting<Result>(_ header: RequestHeader, _ body: () -> Result) -> Result {
    guard header.opcode.takesLong || header.opcode.moves(bytes: header.bytes) else { return body() }
    moving.wrappingAdd(1, ordering: .relaxed)
    defer { moving.wrappingSubtract(1, ordering: .relaxed) }
    return body()
  }

  private func end(_ arrival: Connection.Arrival) {
    crew.withLock { $0.end() }
    crew.wakeAll()
    switch arrival {
    case .gone: onEnd(nil)
    case .failed(let error): onEnd(error)
    case .request, .nothing, .stopped: break
    }
  }

  // MARK: The lead

  /// Gives the lead away; returns false where there is nobody to have it.
  private func handOver() -> Bool {
    let succession = crew.withLock { $0.handOver() }
    if case .keep = succession { return false }
    if start(succession) { return true }
    let leadsAgain = crew.withLock { $0.failedToStart(leaderIsHere: true) }
    return !leadsAgain
  }

  /// What the watch does about a leader that is stuck in a request of the kind `opcode`.
  private func replaceLeader(stuckIn opcode: Opcode?) -> Bool {
    if let opcode { slow.bitwiseOr(opcode.bit, ordering: .relaxed) }
    let succession = crew.withLock { opcode != nil || $0.isAbandoned ? $0.replaceLeader() : .keep }
    if start(succession) { return true }
    _ = crew.withLock { $0.failedToStart(leaderIsHere: false) }
    noteDeparture()
    return false
  }

  private func start(_ succession: Crew.Succession) -> Bool {
    switch succession {
    case .keep: return true
    case .wake:
      crew.wakeOne()
      return true
    case .start:
      do throws(Errno) {
        try threads.thread(name: "fuse-worker") { [self] in work() }.detach()
        return true
      } catch {
        return false
      }
    }
  }
}
