/// Opening, reading and closing `.stats`, in a store of ten files and in a large one.
struct StatsLatency: ScaleCase {
  let small: Store
  let large: Store
  private static let reads = 500

  var measures: [Measure] {
    [
      Measure(name: "stats-small", title: ".stats of \(small.files) files", unit: .seconds),
      Measure(
        name: "stats-large", title: ".stats of \(Figure.grouped(large.files)) files", unit: .seconds,
        goals: [.atMost(0.002), .timesOther(1.5, measure: "stats-small")]),
    ]
  }

  func round() throws(Failure) -> [Double] {
    let servers = [try small.start(), try large.start()]
    var figures: [Double] = []
    for server in servers { try server.waitUntilCounted() }
    for server in servers { figures.append(try latency(server)) }
    for server in servers { try server.unmount() }
    return figures
  }

  private func latency(_ server: Server) throws(Failure) -> Double {
    let buffer = Buffer(count: 4096)
    let watch = Stopwatch()
    for _ in 0..<Self.reads {
      let file = try File(server.statsPath)
      guard try file.read(into: buffer, count: buffer.count) > 0 else { throw Failure(".stats is empty") }
      try file.close()
    }
    return watch.seconds / Double(Self.reads)
  }
}
