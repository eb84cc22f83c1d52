import FoundationEssentials

/// All that a run has found out: what is kept as JSON, and what the report is made of.
struct Results: Codable {
  /// What was measured where, as pairs for people: kernel, processor, versions.
  var machine: [Fact]
  let rounds: Int
  let sizes: Sizes
  var figures: [Figures] = []

  struct Fact: Codable {
    let name: String
    let value: String
  }

  /// One measure on all targets, a value per round in the unit of the measure.
  struct Figures: Codable {
    let measure: Measure
    var values: [Target.Kind: [Double]]

    func median(_ kind: Target.Kind) -> Double? { values[kind].flatMap(\.median) }

    /// How many times as fast as `other` a target is, whatever the unit counts.
    func speed(_ kind: Target.Kind, over other: Target.Kind) -> Double? {
      guard let own = median(kind), let others = median(other), own > 0, others > 0 else { return nil }
      return measure.unit.isMoreBetter ? own / others : others / own
    }

    /// The peer to beat.
    var bestPeer: Target.Kind? {
      let present = Target.Kind.peers.filter { median($0) != nil }
      return present.max { (speed($0, over: present[0]) ?? 0) < (speed($1, over: present[0]) ?? 0) }
    }

    var speedOverBestPeer: Double? { bestPeer.flatMap { speed(.mammofs, over: $0) } }
  }

  func figures(_ name: String) -> Figures? { figures.first { $0.measure.name == name } }

  /// Is the goal met? Nil where what it is compared with was not measured.
  func meets(_ goal: Goal, _ figures: Figures) -> Bool? {
    let own = figures.median(.mammofs)
    return switch goal {
    case .speedOfBare(let least): figures.speed(.mammofs, over: .bare).map { $0 >= least }
    case .timeOfBare(let most): figures.speed(.mammofs, over: .bare).map { 1 / $0 <= most }
    case .speedOfBestPeer(let least): figures.speedOverBestPeer.map { $0 >= least }
    case .atMost(let most): own.map { $0 <= most }
    case .atLeast(let least): own.map { $0 >= least }
    case .timesOther(let most, let measure):
      if let own, let other = self.figures(measure)?.median(.mammofs) { own <= most * other } else { nil }
    }
  }

  /// All of them; nil where nothing was asked for or nothing is known.
  func meetsGoals(_ figures: Figures) -> Bool? {
    let verdicts = figures.measure.goals.compactMap { meets($0, figures) }
    return verdicts.isEmpty ? nil : verdicts.allSatisfy { $0 }
  }

  // MARK: - Kept as JSON

  init(machine: [Fact], rounds: Int, sizes: Sizes) {
    self.machine = machine
    self.rounds = rounds
    self.sizes = sizes
  }

  init(readingFrom path: String) throws(Failure) {
    let text = try Kernel.text(of: path)
    do { self = try JSONDecoder().decode(Results.self, from: Data(text.utf8)) } catch {
      throw Failure("\(path) is not what a run writes: \(error)")
    }
  }

  func write(to path: String) throws(Failure) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do { try (encoder.encode(self) + Data("\n".utf8)).write(to: URL(filePath: path)) } catch {
      throw Failure("cannot write \(path): \(error)")
    }
  }
}

extension [Double] {
  var median: Double? {
    guard !isEmpty else { return nil }
    let sorted = sorted()
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
}
