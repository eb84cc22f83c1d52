/// The words that the program was started with.
enum Arguments {
  /// Refuses what is no UTF-8: in a string other characters stand for it, and another file is meant.
  static func check() throws {
    for argument in UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc)) {
      guard let argument, String(validatingCString: argument) == nil else { continue }
      // Of these 1 is an answer.
      let asks = ["has-space", "verify"].contains(CommandLine.arguments.dropFirst().first)
      throw Failure(
        "an argument is not UTF-8: \(String(cString: argument)); use names that are",
        code: asks ? Failure.noAnswer : 1)
    }
  }
}
