import Glibc

/// Why a run cannot go on. A benchmark whose calls fail measures nothing, so every failure ends the run.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }

  /// What `errno` says about a call that has just failed.
  static func system(_ call: StaticString, _ path: String) -> Failure { code(errno, call, path) }

  static func code(_ code: Int32, _ call: StaticString, _ path: String) -> Failure {
    Failure("\(call) \(path): \(String(cString: strerror(code)))")
  }
}
