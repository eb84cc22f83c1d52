internal import Synchronization

/// The log of refusals as one reader has it: what was there when he came, and behind it what was added since.
///
/// What he has read never changes under him, and whoever waits at the end (`tail -f`) is given the new lines.
package final class RefusalReader: Sendable {
  private struct State {
    /// Bytes that were let go.
    var start = 0
    var bytes: [UInt8]
    var addition: UInt64

    var end: Int { start + bytes.count }
  }

  /// More than this is not kept for one reader. Who goes back to what is gone begins anew.
  static let longest = 8 << 20

  private let log: RefusalLog
  private let state: Mutex<State>

  package init(_ log: RefusalLog) {
    self.log = log
    state = Mutex(Self.begin(log))
  }

  private static func begin(_ log: RefusalLog) -> State {
    let (bytes, addition) = log.read()
    return State(bytes: bytes, addition: addition)
  }

  package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    state.withLock { state in
      guard offset >= 0 else { return 0 }
      if offset < state.start { state = Self.begin(log) }
      if offset >= state.end { grow(&state) }
      guard offset < state.end else { return 0 }
      let piece = state.bytes[(Int(offset) - state.start)...].prefix(buffer.count)
      buffer.copyBytes(from: piece)
      return piece.count
    }
  }

  /// Bytes, with what was added up to now.
  package var size: Int64 {
    state.withLock { state in
      grow(&state)
      return Int64(state.end)
    }
  }

  private func grow(_ state: inout State) {
    let (new, addition) = log.read(after: state.addition)
    state.addition = addition
    if state.bytes.count + new.count > Self.longest {
      state.start += state.bytes.count
      state.bytes = new
    } else {
      state.bytes += new
    }
  }
}
