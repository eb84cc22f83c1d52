/// One figure that a case yields: a line of the table.
struct Measure: Codable, Sendable {
  /// What `--only` and other goals call it.
  let name: String
  let title: String
  let unit: Unit
  var goals: [Goal] = []

  enum Unit: String, Codable {
    case seconds
    case bytesPerSecond
    /// Of files, mostly.
    case perSecond
    case bytes
    case ratio

    var isMoreBetter: Bool {
      switch self {
      case .bytesPerSecond, .perSecond: true
      case .seconds, .bytes, .ratio: false
      }
    }
  }
}

extension [Measure] {
  /// Is one of them asked for? Each word is the beginning of a name; no word asks for all.
  func areSelected(by words: [String]) -> Bool {
    words.isEmpty || contains { measure in words.contains { measure.name.hasPrefix($0) } }
  }
}

/// What a figure of this mount has to reach.
enum Goal: Codable, Sendable {
  /// At least so many times as fast as the bare directory.
  case speedOfBare(Double)
  /// At most so many times as long as the bare directory.
  case timeOfBare(Double)
  /// At least so many times as fast as the fastest of the peers.
  case speedOfBestPeer(Double)
  /// In the measure's own unit.
  case atMost(Double)
  case atLeast(Double)
  /// At most so many times the figure of another measure of the same run.
  case timesOther(Double, measure: String)
}
