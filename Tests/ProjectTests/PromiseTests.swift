import FoundationEssentials
import Testing

/// The tables of promises in `docs/semantics.md`, and the tests that they name.
@Suite("The table of promises")
struct PromiseTests {
  /// A row of one of the tables.
  struct Row {
    let letter: Character
    let number: Int
    /// The last cell: which tests show it.
    let tests: String
  }

  @Test("numbers each promise once, in order")
  func numbers() throws {
    var last: [Character: Int] = [:]
    for row in try Self.rows() {
      #expect(row.number == last[row.letter, default: 0] + 1, "\(row.letter)\(row.number)")
      last[row.letter] = row.number
    }
    #expect(last.count > 10)
  }

  @Test("names tests that there are")
  func tests() throws {
    let functions = try Self.functions()
    for row in try Self.rows() {
      var suite = ""
      for name in Self.quoted(row.tests) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        // `/test` is another of the suite before; `Target.Suite` is one that is not in MountedTests.
        if let first = parts.first, !first.isEmpty { suite = first.split(separator: ".").last.map(String.init) ?? "" }
        let known = functions[suite]
        #expect(known != nil, "\(row.letter)\(row.number): there is no suite \(suite)")
        if let known, parts.count > 1 {
          #expect(known.contains(parts[1]), "\(row.letter)\(row.number): \(suite) has no test \(parts[1])")
        }
      }
    }
  }

  private static let package: String = {
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    parts.removeLast(3)
    return parts.joined(separator: "/")
  }()

  private static func text(_ path: String) throws -> String {
    try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self)
  }

  private static func rows() throws -> [Row] {
    try text("\(package)/docs/semantics.md").split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "|").map { $0.filter { $0 != " " } }
      guard line.hasPrefix("| "), let id = cells.first, let letter = id.first, letter.isUppercase,
        let number = Int(id.dropFirst()), let tests = cells.last
      else { return nil }
      return Row(letter: letter, number: number, tests: tests)
    }
  }

  /// What stands between backticks and begins as the name of a suite or, after one, of a test.
  private static func quoted(_ cell: String) -> [String] {
    let pieces = cell.split(separator: "`", omittingEmptySubsequences: false)
    return pieces.indices.filter { $0 % 2 == 1 }.map { String(pieces[$0]) }.filter { name in
      name.hasPrefix("/") || name.prefix { $0 != "/" }.hasSuffix("Tests")
    }
  }

  /// The test functions of each suite.
  private static func functions() throws -> [String: Set<String>] {
    var functions: [String: Set<String>] = [:]
    for file in try swiftFiles(in: "\(package)/Tests") {
      var suite = ""
      for line in try text(file).split(separator: "\n") {
        let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
        for (word, next) in zip(words, words.dropFirst()) {
          // A suite has no other types with functions of these names.
          if ["struct", "class", "extension"].contains(word), next.hasSuffix("Tests") { suite = next }
          if word == "func" { functions[suite, default: []].insert(next) }
        }
      }
    }
    return functions
  }

  private static func swiftFiles(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).flatMap { name -> [String] in
      let path = "\(folder)/\(name)"
      if name.hasSuffix(".swift") { return [path] }
      return name.contains(".") || name == "__pycache__" ? [] : try swiftFiles(in: path)
    }
  }
}
