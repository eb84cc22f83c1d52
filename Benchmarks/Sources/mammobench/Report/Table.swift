/// The results as Markdown.
struct Table {
  let results: Results

  /// A column per target, and what this mount makes of it.
  func comparison() -> String {
    let kinds = Target.Kind.allCases.filter { kind in results.figures.contains { $0.median(kind) != nil } }
    let others = kinds.filter { $0 != .mammofs }
    let head = ["case", "mammofs"] + others.map(\.rawValue) + ["speed, × bare", "speed, × best peer", "target", "met"]
    let rows = results.figures.map { figures in
      [figures.measure.title, cell(figures, .mammofs)] + others.map { cell(figures, $0) } + [
        figures.speed(.mammofs, over: .bare).map(Figure.digits) ?? "",
        figures.speedOverBestPeer.map(Figure.digits) ?? "",
      ] + verdict(figures)
    }
    return table(head, rows)
  }

  /// For measures of this mount alone.
  func alone() -> String {
    table(
      ["case", "median", "least to most", "target", "met"],
      results.figures.map { figures in
        let values = figures.values[.mammofs] ?? []
        let range = [values.min(), values.max()].map { $0.map { Figure.text($0, figures.measure.unit) } ?? "" }
        return [figures.measure.title, cell(figures, .mammofs), range.joined(separator: " to ")] + verdict(figures)
      })
  }

  func facts() -> String {
    results.machine.map { "- \($0.name): \($0.value)\n" }.joined() + "- rounds: \(results.rounds)\n"
  }

  private func cell(_ figures: Results.Figures, _ kind: Target.Kind) -> String {
    figures.median(kind).map { Figure.text($0, figures.measure.unit) } ?? ""
  }

  private func verdict(_ figures: Results.Figures) -> [String] {
    let goals = figures.measure.goals.map { text($0, figures.measure.unit) }.joined(separator: "; ")
    return [goals, results.meetsGoals(figures).map { $0 ? "yes" : "**no**" } ?? ""]
  }

  private func text(_ goal: Goal, _ unit: Measure.Unit) -> String {
    switch goal {
    case .speedOfBare(let least): "≥ \(Figure.digits(least)) × bare"
    case .timeOfBare(let most): "≤ \(Figure.digits(most)) × bare's time"
    case .speedOfBestPeer(let least): "≥ \(Figure.digits(least)) × best peer"
    case .atMost(let most): "≤ \(Figure.text(most, unit))"
    case .atLeast(let least): "≥ \(Figure.text(least, unit))"
    case .timesOther(let most, let measure):
      "≤ \(Figure.digits(most)) × \(results.figures(measure)?.measure.title ?? measure)"
    }
  }

  private func table(_ head: [String], _ rows: [[String]]) -> String {
    let rule = head.enumerated().map { index, title in
      index == 0 || title == "target" || title == "met" ? "---" : "---:"
    }
    return ([head, rule] + rows).map { "| \($0.joined(separator: " | ")) |\n" }.joined()
  }
}
