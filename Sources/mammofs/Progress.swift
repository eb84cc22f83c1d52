import StorageCore

/// How far an upload or a verification is: a bar on standard error, if that is a terminal, else nothing. What a program
/// finds there is a complaint.
final class Progress: Sendable {
  private let total: Int64
  private let isTerminal = StandardError.isTerminal
  private let state = Monitor(State())

  private struct State {
    var done: Int64 = 0
    /// What was shown last, in per cent.
    var shown = -1
  }

  /// - Parameter total: bytes.
  init(total: Int64) { self.total = total }

  func advance(_ bytes: Int64) {
    guard isTerminal else { return }
    let percent = state.withLock { state -> Int? in
      state.done += bytes
      // There may be more by now than there was to begin with.
      let percent = state.done >= total ? 100 : Int(state.done * 100 / total)
      guard percent > state.shown else { return nil }
      state.shown = percent
      return percent
    }
    if let percent { show(percent) }
  }

  func finish() {
    if isTerminal { StandardError.write("\n") }
  }

  private func show(_ percent: Int) {
    let filled = percent * 40 / 100
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 40 - filled)
    StandardError.write("\r\(bar) \(percent)% of \(ByteCount(bytes: total).text)")
  }
}
