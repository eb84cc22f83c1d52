/// What must not grow with the store: cases with a mount of their own, on a store of a million files.
struct ScaleRun {
  let small: Store
  let large: Store
  let sizes: Sizes
  let rounds: Int
  /// Beginnings of the names of the measures that are asked for; none asks for all.
  let only: [String]

  func run(_ report: (Results.Figures) -> Void) throws(Failure) {
    try small.plant()
    try large.plant()
    let cases: [any ScaleCase] = [
      StatsLatency(small: small, large: large), CleanRemount(store: large), Recount(store: large),
      NodeMemory(store: large, files: sizes.remembered),
    ]
    for scaleCase in cases where scaleCase.measures.areSelected(by: only) {
      for figures in try run(scaleCase) { report(figures) }
    }
  }

  private func run(_ scaleCase: any ScaleCase) throws(Failure) -> [Results.Figures] {
    var figures = scaleCase.measures.map { Results.Figures(measure: $0, values: [:]) }
    for _ in 0..<rounds {
      for (index, value) in try scaleCase.round().enumerated() {
        figures[index].values[.mammofs, default: []].append(value)
      }
    }
    return figures
  }
}

/// A case that mounts and unmounts by itself.
protocol ScaleCase {
  var measures: [Measure] { get }

  /// A figure per measure; starts and ends with nothing mounted.
  func round() throws(Failure) -> [Double]
}
