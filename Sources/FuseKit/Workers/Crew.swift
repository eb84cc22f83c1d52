/// Who reads requests and who waits: the rules, with no thread in them.
///
/// Of the workers one leads: it alone reads requests. Before it serves one that
/// may take long it hands the lead over. Every method is called with the lock
/// held and says what its caller is to do once it has let go of the lock.
///
/// Invariant: while the lead is free, a worker is on its way to it, or the
/// ``Watch`` knows and looks again.
struct Crew {
  /// So many threads are started without delay. More are started only by the ``Watch``, one at a time.
  let limit: Int
  /// So many workers with nothing to do are kept.
  let spare: Int

  private(set) var threads = 0
  private(set) var idle = 0
  private(set) var isLed = false
  private(set) var hasEnded = false

  init(limit: Int, spare: Int) {
    self.limit = max(1, limit)
    self.spare = max(1, spare)
  }

  enum Place { case lead, park, leave }
  enum Succession {
    /// Wake a parked worker.
    case wake
    /// Start a thread; it is counted already.
    case start
    /// There is nobody and there may be no more: keep the lead.
    case keep
  }

  /// A worker has nothing to do: it is new, or has served its request after it gave the lead away.
  mutating func arrive() -> Place {
    if hasEnded || (isLed && idle >= spare) {
      threads -= 1
      return .leave
    }
    if !isLed {
      isLed = true
      return .lead
    }
    idle += 1
    return .park
  }

  /// A parked worker was woken. `park`: nothing for it, go on waiting.
  mutating func look() -> Place {
    if hasEnded {
      idle -= 1
      threads -= 1
      return .leave
    }
    guard !isLed else { return .park }
    idle -= 1
    isLed = true
    return .lead
  }

  /// The leader wants to give the lead away before it serves a request.
  mutating func handOver() -> Succession {
    guard !hasEnded, isLed else { return .keep }
    guard idle > 0 || threads < limit else { return .keep }
    return free()
  }

  /// The lead was taken from a worker that serves for too long, or is still free. The limit does not
  /// count here: if nobody read, those who block could wait for each other for ever.
  mutating func replaceLeader() -> Succession {
    hasEnded ? .keep : free()
  }

  /// A thread that was counted could not be started. Returns whether the caller is to lead again.
  mutating func failedToStart(leaderIsHere: Bool) -> Bool {
    threads -= 1
    guard leaderIsHere, !isLed else { return false }
    isLed = true
    return true
  }

  /// Whether nobody reads and nobody is on the way.
  var isAbandoned: Bool { !isLed && idle == 0 && !hasEnded }

  /// The leader stops reading because the connection is gone or the session is to stop.
  mutating func end() { hasEnded = true }

  private mutating func free() -> Succession {
    isLed = false
    if idle > 0 { return .wake }
    threads += 1
    return .start
  }
}
