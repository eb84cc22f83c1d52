/// A `.env` file, read as dotenv reads one.
///
/// `KEY=VALUE` lines, `export` before the key allowed. A bare value ends at a blank with `#` behind it, which begins a
/// comment. In quotes everything is kept up to the closing one; in double quotes a backslash stands before `"`, `\` and
/// the letters of `\n`, `\r` and `\t`.
struct DotEnv {
  private(set) var values: [String: String] = [:]

  init(parsing text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      var line = line.drop(while: \.isWhitespace)
      if line.hasPrefix("export ") { line = line.dropFirst(7).drop(while: \.isWhitespace) }
      guard !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else { continue }
      let value = Self.value(line[line.index(after: equals)...].drop(while: \.isWhitespace))
      // An empty one is as good as none.
      if !value.isEmpty { values[String(Self.trimmed(line[..<equals]))] = value }
    }
  }

  private static func value(_ text: Substring) -> String {
    switch text.first {
    case "'": quoted(text.dropFirst(), by: "'", escaping: false) ?? bare(text)
    case "\"": quoted(text.dropFirst(), by: "\"", escaping: true) ?? bare(text)
    default: bare(text)
    }
  }

  private static func bare(_ text: Substring) -> String {
    var isAfterBlank = true
    let end = text.firstIndex { character in
      defer { isAfterBlank = character.isWhitespace }
      return character == "#" && isAfterBlank
    }
    return String(trimmed(text[..<(end ?? text.endIndex)]))
  }

  /// What stands before the closing quote; `nil` where there is none.
  private static func quoted(_ text: Substring, by quote: Character, escaping: Bool) -> String? {
    var value = ""
    var rest = text
    while let character = rest.popFirst() {
      if character == quote { return value }
      guard escaping, character == "\\", let next = rest.popFirst() else {
        value.append(character)
        continue
      }
      switch next {
      case "n": value.append("\n")
      case "r": value.append("\r")
      case "t": value.append("\t")
      case "\"", "\\": value.append(next)
      default: value += "\\\(next)"
      }
    }
    return nil
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop(while: \.isWhitespace)
    while text.last?.isWhitespace ?? false { text.removeLast() }
    return text
  }
}
