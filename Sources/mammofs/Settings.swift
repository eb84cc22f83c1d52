import Glibc
import StorageCore
import SystemPackage

/// Where settings come from when no option gives them.
enum Settings {
  /// The storage root: the option, else `STORAGE_ROOT`, else `.env`'s, else `./storage`.
  static func root(_ option: String?) -> String {
    if let option { return option }
    if let value = getenv("STORAGE_ROOT"), value.pointee != 0 { return String(cString: value) }
    return dotEnv()["STORAGE_ROOT"] ?? "./storage"
  }

  /// `.env` in the working directory.
  private static func dotEnv() -> [String: String] {
    guard let file = try? Sys.openFile(".env"), let bytes = try? Sys.readAll(file, limit: 1 << 20) else {
      return [:]
    }
    return parse(String(decoding: bytes, as: UTF8.self))
  }

  /// `KEY=VALUE` lines; quotes around a value, `export` before a key and `#` comments are allowed.
  static func parse(_ text: String) -> [String: String] {
    var values: [String: String] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      var line = line.drop(while: \.isWhitespace)
      if line.hasPrefix("export ") { line = line.dropFirst(7) }
      guard !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else { continue }
      let key = line[..<equals].reversed().drop(while: \.isWhitespace).reversed()
      var value = line[line.index(after: equals)...].drop(while: \.isWhitespace)
      while value.last?.isWhitespace ?? false { value.removeLast() }
      if let quote = value.first, quote == "\"" || quote == "'", value.count > 1, value.last == quote {
        value = value.dropFirst().dropLast()
      }
      if !value.isEmpty { values[String(key)] = String(value) }
    }
    return values
  }
}
