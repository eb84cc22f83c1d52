/// Whether a leader gives the lead away before it moves many bytes: the rule, with no thread in it.
///
/// That is for the sake of others. Where nobody else asks, waking a thread for each
/// such request would only take time from the one caller. So the leader keeps the
/// lead over one and looks whether another request has waited meanwhile.
struct Company {
  /// So many more are given away.
  private var handOvers = 0
  /// The last request moved bytes, and the lead was kept.
  private var hasMoved = false

  static let handOversAtATime = 32

  /// A request came that somebody waits for; returns whether the lead is to be given away before it is served.
  ///
  /// - Parameter wasWaiting: it was there before the leader looked.
  mutating func arrived(moves: Bool, wasWaiting: Bool) -> Bool {
    if hasMoved, wasWaiting { handOvers = Self.handOversAtATime }
    hasMoved = moves && handOvers == 0
    guard moves, handOvers > 0 else { return false }
    handOvers -= 1
    return true
  }

  /// Something else was done: what comes next may have come meanwhile.
  mutating func paused() { hasMoved = false }
}
