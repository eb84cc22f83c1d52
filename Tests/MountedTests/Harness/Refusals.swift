import Glibc
import Testing

extension MountedRoot {
  /// The lines of `.errors`.
  func refusals() throws -> [String] {
    try Files.text(self[".errors"]).split(separator: "\n").map(String.init)
  }

  /// Expects a call to be refused: with one of the errnos, with nothing changed, and with a line in `.errors`.
  ///
  /// - Parameters:
  ///   - path: in the mount; `.errors` must name it.
  ///   - operation: what `.errors` may call the operation, divided by `|`; nothing is asked of it where this is `nil`.
  ///   - says: a part of the sentence.
  ///   - noted: false where the kernel itself refuses, so that the server never hears of it.
  ///   - call: gets the whole path and returns -1.
  func refuses(
    _ errnos: Int32..., at path: String, operation: String? = nil, says: String? = nil, noted: Bool = true,
    sourceLocation: SourceLocation = #_sourceLocation, _ call: (String) -> Int32
  ) throws {
    let before = try snapshot()
    let known = Set(try refusals())
    let result = errnoOf { call(self[path]) }
    #expect(
      errnos.contains(result.value), "\(path) gave \(result), not \(errnos.map { ErrnoName($0) })",
      sourceLocation: sourceLocation)
    let after = try snapshot()
    #expect(before == after, "the refused call at \(path) changed something", sourceLocation: sourceLocation)
    guard noted, result.value != 0 else { return }
    // One that is refused again is counted in its line, which then is another.
    let lines = try refusals().filter { !known.contains($0) }
    let line = lines.last { $0.contains(path) && $0.contains(" \(result) ") }
    guard let line else {
      Issue.record(
        ".errors has no line with \(path) and \(result), but \(lines)", sourceLocation: sourceLocation)
      return
    }
    let sentence = line.components(after: " \(result) ")
    #expect(sentence.count > 8, "'\(line)' has no sentence", sourceLocation: sourceLocation)
    if let operation {
      let names = operation.split(separator: "|").map { " \($0) " }
      #expect(
        names.contains { line.contains($0) }, "'\(line)' does not name \(operation)", sourceLocation: sourceLocation)
    }
    if let says {
      #expect(sentence.contains(says), "'\(line)' does not say '\(says)'", sourceLocation: sourceLocation)
    }
  }
}

extension String {
  /// What follows the first occurrence of `separator`; empty without one.
  fileprivate func components(after separator: String) -> String {
    var rest = self[...]
    while !rest.isEmpty {
      if rest.hasPrefix(separator) { return String(rest.dropFirst(separator.count)) }
      rest = rest.dropFirst()
    }
    return ""
  }
}
