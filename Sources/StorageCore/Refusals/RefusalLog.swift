internal import CLinux
internal import Synchronization
public import SystemPackage

/// The last refusals, for people: what `.errors` shows.
public final class RefusalLog: Sendable {
  private let state: Mutex<Ring>
  private let limit: Int
  private let memory: RefusalMemory?

  /// The lines of the log, oldest first, with their total length kept beside them.
  private struct Ring {
    var lines: [String] = []
    var first = 0
    var bytes = 0
    /// How many there have been.
    var count: UInt64 = 0

    mutating func add(_ line: String, limit: Int) {
      if lines.count < limit {
        lines.append(line)
      } else {
        bytes -= lines[first].utf8.count
        lines[first] = line
        first = (first + 1) % limit
      }
      bytes += line.utf8.count
      count += 1
    }
  }

  /// Bytes of a path in a line, and of a sentence, which may have one in it.
  static let longestPath = 1024
  static let longestAdvice = 2048

  /// Keeps `limit` lines.
  public init(limit: Int = 1000) {
    self.limit = limit
    memory = nil
    state = Mutex(Ring())
  }

  /// Goes on with what an earlier process has left in `memory`, and leaves it there in its turn.
  package init(_ memory: RefusalMemory) {
    limit = RefusalMemory.lines
    self.memory = memory
    var ring = Ring()
    for (number, line) in memory.load() {
      ring.add(line, limit: limit)
      ring.count = number
    }
    state = Mutex(ring)
  }

  /// Adds a line. `operation` is the name of the system call, `path` is relative to the mount.
  public func add(operation: String, path: String, errno: Errno, advice: String) {
    // Folders lie as deep as anybody makes them.
    let (path, advice) = (path.clipped(to: Self.longestPath), advice.clipped(to: Self.longestAdvice))
    let line = "\(Clock.timestamp()) \(operation) \(Self.oneLine(path)) \(errno.symbol) \(Self.oneLine(advice))"
    add(line: line)
  }

  /// Adds a line as another log has it.
  func add(line: String) {
    let line = Self.oneLine(line).clipped(to: Self.longestPath + Self.longestAdvice) + "\n"
    state.withLock { ring in
      ring.add(line, limit: limit)
      memory?.put(line, number: ring.count)
    }
  }

  /// The whole text, newest line last.
  public var text: [UInt8] {
    state.withLock { ring in
      var text: [UInt8] = []
      text.reserveCapacity(ring.bytes)
      for line in ring.lines[ring.first...] { text.append(contentsOf: line.utf8) }
      for line in ring.lines[..<ring.first] { text.append(contentsOf: line.utf8) }
      return text
    }
  }

  /// Bytes of ``text``.
  public var size: Int { state.withLock { $0.bytes } }

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
