internal import CLinux
internal import Synchronization
public import SystemPackage

/// The last refusals, for people: what `.errors` shows.
public final class RefusalLog: Sendable {
  private let state: Mutex<RefusalRing>
  private let memory: RefusalMemory?

  /// Bytes of a path in a line, and of a sentence, which may have one in it.
  static let longestPath = 1024
  static let longestAdvice = 2048

  /// Keeps `limit` lines.
  public init(limit: Int = 1000) {
    memory = nil
    state = Mutex(RefusalRing(limit: limit))
  }

  /// Goes on with what an earlier process has left in `memory`, and leaves it there in its turn.
  package init(_ memory: RefusalMemory) {
    self.memory = memory
    var ring = RefusalRing(limit: RefusalMemory.lines)
    for (number, line) in memory.load() { ring.inherit(line, number: number) }
    state = Mutex(ring)
  }

  /// Adds a line, or to the count of the same one. `operation` is the name of the system call, `path` is relative to the
  /// mount.
  public func add(operation: String, path: String, errno: Errno, advice: String) {
    // Folders lie as deep as anybody makes them.
    let (path, advice) = (path.clipped(to: Self.longestPath), advice.clipped(to: Self.longestAdvice))
    let moment = Clock.now()
    add(
      "\(operation) \(Self.oneLine(path)) \(errno.symbol) \(Self.oneLine(advice))", at: moment,
      Clock.timestamp(at: moment))
  }

  /// Adds a line as another log has it: the time, and the rest.
  func add(line: String) {
    let line = Self.oneLine(line).clipped(to: Self.longestPath + Self.longestAdvice)
    let parts = line.split(separator: " ", maxSplits: 1)
    add(parts.count == 2 ? String(parts[1]) : line, at: Clock.now(), parts.first.map { String($0) } ?? "")
  }

  private func add(_ body: String, at moment: Int64, _ time: String) {
    state.withLock { ring in
      let changed = ring.add(body, at: moment, time)
      guard let memory else { return }
      for back in stride(from: changed - 1, through: 0, by: -1) {
        memory.put(ring[back].text, number: ring.count - UInt64(back))
      }
    }
  }

  /// The whole text, newest line last.
  public var text: [UInt8] { state.withLock { $0.text() } }

  /// Bytes of ``text``.
  public var size: Int { state.withLock { $0.bytes } }

  /// What was added after the addition with a number, or all, and the number of the last one.
  func read(after addition: UInt64? = nil) -> (text: [UInt8], addition: UInt64) {
    state.withLock { ring in (ring.text(after: addition), ring.additions) }
  }

  /// A name may hold a newline on disk, a line may not.
  static func oneLine(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 || $0 >= 0x7F }) else { return text }
    return String(
      String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
  }
}

extension Errno {
  /// `ENOENT` and its like.
  public var symbol: String {
    lx_errno_name(rawValue).map { String(cString: $0) } ?? "errno \(rawValue)"
  }
}
