import Glibc

/// `results.md` and `plot.svg`, made of the raw results that are in a folder.
struct Report {
  let folder: String

  static let comparison = "comparison.json"
  static let scale = "scale.json"

  /// Returns the text of `results.md`.
  func write() throws(Failure) -> String {
    var text = "# Results\n\nWritten by `Benchmarks/run`; [how to read this](../performance.md).\n"
    if let results = try read(Self.comparison) {
      let table = Table(results: results)
      text += "\n## This mount, the bare directory and others\n\n\(table.facts())\n![plot](plot.svg)\n\n"
      text += "Medians. Raw values: [\(Self.comparison)](\(Self.comparison)).\n\n\(table.comparison())"
      try write(Plot(results: results).svg(), to: "plot.svg")
    }
    if let results = try read(Self.scale) {
      let table = Table(results: results)
      text += "\n## A store of \(Figure.grouped(results.sizes.storeFiles)) files\n\n\(table.facts())\n"
      text += "Raw values: [\(Self.scale)](\(Self.scale)).\n\n\(table.alone())"
    }
    try write(text, to: "results.md")
    return text
  }

  private func read(_ name: String) throws(Failure) -> Results? {
    let path = "\(folder)/\(name)"
    return Paths.exists(path) ? try Results(readingFrom: path) : nil
  }

  private func write(_ text: String, to name: String) throws(Failure) {
    let path = "\(folder)/\(name)"
    let file = try File(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
    guard Glibc.write(file.raw, text, text.utf8.count) == text.utf8.count else { throw .system("write", path) }
    try file.close()
  }
}
