import Glibc

/// Where progress and complaints go, so that standard output holds results only.
enum StandardError {
  static let isTerminal = isatty(2) == 1

  static func write(_ text: String) {
    // Nobody can be told that telling failed.
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
  }
}
