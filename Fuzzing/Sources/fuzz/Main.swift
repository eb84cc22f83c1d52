import CFuzzer
import Glibc

/// Feeds one parser with whatever libFuzzer thinks of: `fuzz TARGET [options and corpora of libFuzzer]`.
///
/// A target may refuse an input in any way that it has. What it may not do is end the process, or accept what it
/// should not: ``expect(_:_:)`` ends it then, which libFuzzer takes for the crash that it is.
@main
enum Main {
  static let targets: [String: @Sendable (UnsafeRawBufferPointer) -> Void] = [
    "names": Names.test, "marker": Markers.test, "state": State.test, "root": PlantedRoot.test,
    "messages": Messages.test, "requests": Requests.test,
  ]

  nonisolated(unsafe) private static var chosen: ((UnsafeRawBufferPointer) -> Void)?

  static func main() {
    guard CommandLine.arguments.count > 1, let target = targets[CommandLine.arguments[1]] else {
      print(targets.keys.sorted().joined(separator: "\n"))
      exit(64)
    }
    chosen = target
    let arguments = [CommandLine.arguments[0]] + CommandLine.arguments.dropFirst(2)
    var count = CInt(arguments.count)
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    let result = pointers.withUnsafeMutableBufferPointer { buffer in
      var start = buffer.baseAddress
      return LLVMFuzzerRunDriver(&count, &start) { data, size in
        Main.chosen?(UnsafeRawBufferPointer(start: data, count: size))
        return 0
      }
    }
    exit(result)
  }
}

/// Ends the process where what was accepted is not what it should be.
func expect(_ holds: Bool, _ what: @autoclosure () -> String) {
  if !holds { fatalError(what()) }
}
