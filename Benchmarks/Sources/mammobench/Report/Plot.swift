import Glibc

/// The comparison as a picture: for each case a dot per target at its speed relative to the bare directory, on a
/// logarithmic scale, and a mark where this mount has to be.
struct Plot {
  let results: Results

  private static let rowHeight = 26.0
  private static let (left, right, top, bottom) = (430.0, 24.0, 64.0, 34.0)
  private static let width = 1040.0
  private static let colours: [Target.Kind: String] = [
    .bare: "#9a9a9a", .mammofs: "#c2255c", .bindfs: "#1971c2", .mergerfs: "#2f9e44", .gocryptfs: "#e8890c",
  ]

  /// Only what was measured on the bare directory as well can be placed.
  private var rows: [Results.Figures] { results.figures.filter { $0.median(.bare) != nil } }

  func svg() -> String {
    let rows = rows
    let speeds = rows.flatMap { row in
      Target.Kind.allCases.compactMap { row.speed($0, over: .bare) } + (goal(row).map { [$0] } ?? [])
    }
    let low = floor(log10(min(0.1, speeds.min() ?? 1)) * 2) / 2
    let high = ceil(log10(max(1.2, speeds.max() ?? 1)) * 4) / 4
    let height = Self.top + Double(rows.count) * Self.rowHeight + Self.bottom
    func x(_ speed: Double) -> Double {
      Self.left + (log10(speed) - low) / (high - low) * (Self.width - Self.left - Self.right)
    }

    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.number(Self.width)) \(Self.number(height))\" "
        + "font-family=\"sans-serif\" font-size=\"13\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
      text(12, 22, "Speed relative to the bare directory (right is faster, logarithmic)", size: 15),
    ]
    parts += legend()
    for tick in ticks(from: low, to: high) {
      let colour = tick == 1 ? "#555555" : "#e2e2e2"
      parts.append(line(x(tick), Self.top, x(tick), height - Self.bottom, colour, 1))
      parts.append(text(x(tick), height - 12, "\(Self.number(tick)) ×", anchor: "middle"))
    }
    for (index, row) in rows.enumerated() {
      let y = Self.top + (Double(index) + 0.5) * Self.rowHeight
      parts.append(text(Self.left - 10, y + 4, row.measure.title, anchor: "end", size: 12))
      parts.append(line(Self.left, y, Self.width - Self.right, y, "#f0f0f0", 1))
      if let goal = goal(row) { parts.append(line(x(goal), y - 9, x(goal), y + 9, "#000000", 2.5)) }
      // This mount last, on top.
      for kind in Target.Kind.allCases.sorted(by: { a, _ in a != .mammofs }) where kind != .bare {
        guard let speed = row.speed(kind, over: .bare) else { continue }
        parts.append(dot(x(speed), y, kind))
      }
    }
    return (parts + ["</svg>", ""]).joined(separator: "\n")
  }

  /// The strictest goal as a speed relative to the bare directory.
  private func goal(_ row: Results.Figures) -> Double? {
    row.measure.goals.compactMap { goal in
      switch goal {
      case .speedOfBare(let least): least
      case .timeOfBare(let most): 1 / most
      case .speedOfBestPeer(let least): row.bestPeer.flatMap { row.speed($0, over: .bare) }.map { $0 * least }
      case .atMost(let most): row.median(.bare).map { $0 / most }
      case .atLeast(let least): row.median(.bare).map { least / $0 }
      case .timesOther: nil
      }
    }.max()
  }

  private func ticks(from low: Double, to high: Double) -> [Double] {
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10].filter { (low...high).contains(log10($0)) }
  }

  private func legend() -> [String] {
    var at = 16.0
    var parts: [String] = []
    for kind in Target.Kind.allCases where kind != .bare && rows.contains(where: { $0.median(kind) != nil }) {
      parts += [dot(at, 44, kind), text(at + 10, 48, kind.rawValue)]
      at += 40 + Double(kind.rawValue.utf8.count) * 7
    }
    return parts + [line(at, 35, at, 53, "#000000", 2.5), text(at + 8, 48, "target of mammofs")]
  }

  // MARK: - Elements

  private func dot(_ x: Double, _ y: Double, _ kind: Target.Kind) -> String {
    "<circle cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"\(kind == .mammofs ? 6 : 4.5)\" "
      + "fill=\"\(Self.colours[kind] ?? "#000000")\"/>"
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String, _ width: Double) -> String
  {
    "<line x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\" y2=\"\(Self.number(y2))\" "
      + "stroke=\"\(colour)\" stroke-width=\"\(Self.number(width))\"/>"
  }

  private func text(_ x: Double, _ y: Double, _ text: String, anchor: String = "start", size: Int = 13) -> String {
    "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" text-anchor=\"\(anchor)\" font-size=\"\(size)\">\(text)</text>"
  }

  /// At most three decimals, none that say nothing.
  private static func number(_ value: Double) -> String {
    let rounded = (value * 1000).rounded() / 1000
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}
