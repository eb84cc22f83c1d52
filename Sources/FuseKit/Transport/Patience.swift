/// How often the leader tries to read again before it sleeps.
///
/// A thread on another core takes longer to wake than a small request takes to
/// serve: while one request follows the other closely it pays to keep trying. But
/// where the scheduler has put the caller on the leader's own core, trying only
/// keeps the caller from running. Nobody can know which it is, so it is measured:
/// after every few rounds of requests the other way is taken for a moment, and
/// stays if the next request came sooner by it.
///
/// A pause between requests halves the tries, down to none at all. A mount that
/// is asked now and then therefore costs nothing in between.
struct Patience {
  /// The most tries; 0 switches polling off.
  let ceiling: Int

  /// What the last pauses have left of `ceiling`.
  private var budget = 0
  private var polls = true
  /// Whether the other way is being taken.
  private(set) var isProbing = false
  /// Of the round under way, since it has settled.
  private var requests = 0
  private var waited: UInt64 = 0
  /// What a request took to come, on average, in the last round that was no probe.
  private var usual: UInt64 = 0
  private var roundsUntilProbe = shortestInterval
  private var interval = shortestInterval

  /// Fewer tries than this are over before anything could arrive.
  private static let floor = 32
  private static let roundSize = 64
  private static let probeSize = 24
  /// The first requests of a probe still feel the way that was left.
  private static let settling = 8
  private static let shortestInterval = 4
  private static let longestInterval = 64

  init(ceiling: Int) { self.ceiling = max(0, ceiling) }

  var tries: Int { polls != isProbing ? budget : 0 }

  /// A wait of so many nanoseconds is a pause: about as long as `ceiling` tries take.
  var pause: UInt64 { UInt64(ceiling) * 250 }

  /// A request came, so long after the leader was ready for it.
  mutating func arrived(after nanoseconds: UInt64) {
    guard nanoseconds < pause else {
      budget /= 2
      if budget < Patience.floor { budget = 0 }
      return
    }
    budget = ceiling
    requests += 1
    waited += nanoseconds
    if isProbing {
      if requests == Patience.settling { waited = 0 }
      if requests == Patience.probeSize { endProbe() }
    } else if requests == Patience.roundSize {
      endRound()
    }
  }

  private mutating func endRound() {
    usual = waited / UInt64(Patience.roundSize)
    roundsUntilProbe -= 1
    isProbing = roundsUntilProbe == 0
    requests = 0
    waited = 0
  }

  private mutating func endProbe() {
    let probed = waited / UInt64(Patience.probeSize - Patience.settling)
    // Clearly better, not by chance. What was found to be worse is asked less and less often.
    if probed * 5 < usual * 4 {
      polls.toggle()
      interval = Patience.shortestInterval
    } else {
      interval = min(interval * 2, Patience.longestInterval)
    }
    roundsUntilProbe = interval
    isProbing = false
    requests = 0
    waited = 0
  }
}
