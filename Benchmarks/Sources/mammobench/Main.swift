import Glibc

/// The measuring half of `Benchmarks/run`, which sets the stage and calls this:
///
///     mammobench plant --target KIND=DIR …      files that are to be there before anything is mounted
///     mammobench compare --target KIND=DIR … --work DIR --out DIR
///     mammobench scale --binary MAMMOFS --work DIR --out DIR
///     mammobench report --out DIR               the report of what is there
///     mammobench cases                          what --only can name
@main
struct Main {
  static func main() {
    do throws(Failure) {
      try run(Options(Array(CommandLine.arguments.dropFirst())))
    } catch {
      write(2, "mammobench: \(error)\n")
      exit(1)
    }
  }

  private static func run(_ options: Options) throws(Failure) {
    let disk = Disk(path: options.work)
    let material = Material(disk: disk, samples: options.samples, pids: options.pids)
    let all = Catalogue.all(options.sizes, material)
    let selected = all.filter { $0.measures.areSelected(by: options.only) }
    switch options.command {
    case "plant": for target in options.targets { for benchmark in selected { try benchmark.plant(in: target.path) } }
    case "compare": try compare(selected, options)
    case "scale": try scale(options)
    case "report": write(1, try Report(folder: options.out).write())
    case "cases": for measure in all.flatMap(\.measures) { write(1, "\(measure.name)\t\(measure.title)\n") }
    default: throw Failure("plant, compare, scale, report or cases")
    }
  }

  private static func compare(_ selected: [any Benchmark], _ options: Options) throws(Failure) {
    guard !selected.isEmpty else { throw Failure("no case is called \(options.only.joined(separator: ", "))") }
    var results = Results(machine: try Machine.facts() + options.facts, rounds: options.rounds, sizes: options.sizes)
    let schedule = Schedule(targets: options.targets, rounds: options.rounds, disk: Disk(path: options.work))
    var failures = 0
    for benchmark in selected {
      let figures = schedule.run(benchmark) { target, failure in
        failures += 1
        write(2, "\(target.kind.rawValue) is left out of \(benchmark.measures[0].name): \(failure)\n")
      }
      for figures in figures { say(figures) }
      results.figures += figures
      try results.write(to: "\(options.out)/\(Report.comparison)")
    }
    guard failures == 0 else { throw Failure("\(failures) failures") }
  }

  private static func scale(_ options: Options) throws(Failure) {
    var results = Results(machine: try Machine.facts() + options.facts, rounds: options.rounds, sizes: options.sizes)
    func store(_ name: String, _ files: Int) -> Store {
      Store(binary: options.binary, folder: "\(options.work)/\(name)", files: files, pids: options.pids)
    }
    let run = ScaleRun(
      small: store("small", 10), large: store("large", options.sizes.storeFiles), sizes: options.sizes,
      rounds: options.rounds, only: options.only)
    try run.run { figures in
      results.figures.append(figures)
      say(figures)
    }
    try results.write(to: "\(options.out)/\(Report.scale)")
  }

  /// A line as soon as it is known: a run takes minutes.
  private static func say(_ figures: Results.Figures) {
    let medians = Target.Kind.allCases.compactMap { kind in
      figures.median(kind).map { "\(kind.rawValue) \(Figure.text($0, figures.measure.unit))" }
    }
    write(1, "  \(figures.measure.name): \(medians.joined(separator: ", "))\n")
  }

  private static func write(_ descriptor: Int32, _ text: String) { _ = Glibc.write(descriptor, text, text.utf8.count) }
}
