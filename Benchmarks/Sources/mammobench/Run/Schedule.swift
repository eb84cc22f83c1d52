/// Runs each case round by round, one target after the other within a round, so that whatever drifts hits all alike.
/// The order moves on by one each round, so that nobody is always the one who comes after the slowest. A round before
/// the first is thrown away: it touches memory and fills caches.
struct Schedule {
  let targets: [Target]
  let rounds: Int
  let disk: Disk

  /// A target that fails is out for the rest of the case, and `failed` is told.
  func run(_ benchmark: any Benchmark, failed: (Target, Failure) -> Void) -> [Results.Figures] {
    var targets = self.targets.filter(benchmark.runs)
    var figures = benchmark.measures.map { Results.Figures(measure: $0, values: [:]) }
    func each(from start: Int, _ body: (Target) throws(Failure) -> Void) {
      var out: Set<Target.Kind> = []
      for position in targets.indices {
        let target = targets[(position + start) % targets.count]
        do throws(Failure) {
          try body(target)
        } catch {
          failed(target, error)
          out.insert(target.kind)
        }
      }
      targets.removeAll { out.contains($0.kind) }
    }

    each(from: 0) { target throws(Failure) in try benchmark.prepare(target) }
    for round in 0...rounds {
      each(from: round) { target throws(Failure) in
        try disk.sync()
        let values = try benchmark.round(target)
        guard round > 0 else { return }
        for (index, value) in values.enumerated() { figures[index].values[target.kind, default: []].append(value) }
      }
    }
    each(from: 0) { target throws(Failure) in try benchmark.clean(target) }
    return figures.filter { !$0.values.isEmpty }
  }
}
