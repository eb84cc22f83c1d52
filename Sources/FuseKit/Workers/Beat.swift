import Synchronization

/// What the leader is serving, for the ``Watch`` to see: one word, so that
/// beginning and ending a request cost two atomic instructions.
///
/// The low byte is the request's opcode, 0 between requests; the rest counts
/// requests. Whoever replaces a word by «between requests» owns the lead
/// afterwards: the leader at the end of its request, or the watch.
struct Beat: ~Copyable {
  private let word = Atomic<UInt64>(0)

  struct Mark: Equatable {
    fileprivate(set) var word: UInt64
    var isServing: Bool { word & 0xff != 0 }
    var opcode: Opcode { Opcode(rawValue: UInt32(word & 0xff)) }
    init(word: UInt64) { self.word = word }
  }

  var now: Mark { Mark(word: word.load(ordering: .sequentiallyConsistent)) }

  /// Only the leader calls this.
  func begin(_ opcode: Opcode) -> Mark {
    let mark = Mark(word: ((word.load(ordering: .relaxed) >> 8 &+ 1) << 8) | UInt64(opcode.rawValue & 0xff))
    word.store(mark.word, ordering: .sequentiallyConsistent)
    return mark
  }

  /// Returns whether the caller was the first to end `mark`, and so has the lead.
  func end(_ mark: Mark) -> Bool {
    word.compareExchange(
      expected: mark.word, desired: mark.word & ~0xff, ordering: .sequentiallyConsistent
    ).exchanged
  }
}

/// What to do about a leader that may be stuck: the decision of one look at its ``Beat``.
struct Suspicion {
  private var seen: Beat.Mark?

  enum Verdict: Equatable {
    /// No request is being served: sleep until somebody sets the alarm.
    case rest
    /// A request that was not there last time: look again.
    case lookAgain
    /// The same request as last time.
    case stuck(Beat.Mark)
  }

  mutating func look(at mark: Beat.Mark) -> Verdict {
    guard mark.isServing else {
      seen = nil
      return .rest
    }
    guard seen == mark else {
      seen = mark
      return .lookAgain
    }
    seen = nil
    return .stuck(mark)
  }
}
