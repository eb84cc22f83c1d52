import StorageCore

/// How far an upload is: a bar on a terminal, else a line each ten per cent. On standard error.
final class Progress: Sendable {
  private let total: Int64
  private let isTerminal = StandardError.isTerminal
  private let state = Monitor(State())

  private struct State {
    var done: Int64 = 0
    /// The last step that was shown, in per cent.
    var shown = -1
  }

  /// - Parameter total: bytes.
  init(total: Int64) { self.total = total }

  func advance(_ bytes: Int64) {
    let percent = state.withLock { state -> Int? in
      state.done += bytes
      let percent = total == 0 ? 100 : Int(state.done * 100 / total)
      let step = isTerminal ? percent : percent / 10 * 10
      guard step > state.shown else { return nil }
      state.shown = step
      return step
    }
    if let percent { show(percent) }
  }

  func finish() {
    if isTerminal { StandardError.write("\n") }
  }

  private func show(_ percent: Int) {
    guard isTerminal else {
      StandardError.write("\(percent)% of \(ByteCount(bytes: total).text)\n")
      return
    }
    let filled = percent * 40 / 100
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 40 - filled)
    StandardError.write("\r\(bar) \(percent)% of \(ByteCount(bytes: total).text)")
  }
}
