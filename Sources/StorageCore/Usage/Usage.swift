/// Bytes and how many files hold them.
public struct Tally: Hashable, Sendable, Codable {
  /// Bytes.
  public var size: Int64
  public var count: Int

  public init(size: Int64 = 0, count: Int = 0) {
    self.size = size
    self.count = count
  }

  // Sparse files can say that they hold 8 EiB each. Sums wrap around then, so that they are right again when those go.
  public static func + (a: Tally, b: Tally) -> Tally {
    Tally(size: a.size &+ b.size, count: a.count &+ b.count)
  }
  public static func - (a: Tally, b: Tally) -> Tally {
    Tally(size: a.size &- b.size, count: a.count &- b.count)
  }
  public static func += (a: inout Tally, b: Tally) { a = a + b }

  /// For people: a sum that wrapped around is as large as a number can be.
  var shown: Tally { Tally(size: size < 0 ? .max : size, count: count) }
}

/// What a file is counted under.
package enum Account: Hashable, Sendable {
  /// An image or thumbnail, by the name of the user's folder.
  case user(Area, FileName)
  case temp

  /// - Parameter user: the name of the user's folder in which the place is; `nil` outside of such.
  package init(of place: Place, user: FileName?) {
    switch place {
    case .image(let area): self = user.map { .user(area, $0) } ?? .temp
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .work, .userStats, .temp, .uploads, .session,
      .chunk, .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
      self = .temp
    }
  }
}

/// Usage figures, as `.stats` shows them.
public struct StorageStats: Hashable, Sendable {
  public var images = Tally()
  public var thumbnails = Tally()
  public var temp = Tally()
  /// Bytes that an unprivileged user can still write.
  public var availableSpace: Int64 = 0
  public var activeSessions = 0
  public var completedSessions = 0
  public var users = 0
  /// The figures are still being counted after an unclean stop, and too small.
  public var isCounting = false
  /// What is known of digests; of the whole only, and only while a server sees to them.
  public var integrity: IntegrityFigures?

  public init() {}

  /// Bytes.
  public var totalSize: Int64 { images.size.addingClamped(thumbnails.size).addingClamped(temp.size) }
  public var fileCount: Int { images.count &+ thumbnails.count &+ temp.count }

  /// JSON, one key a line.
  public var json: String {
    var text = "{\n"
    text += "  \"totalSize\": \(totalSize),\n"
    text += "  \"fileCount\": \(fileCount),\n"
    text += "  \"availableSpace\": \(availableSpace),\n"
    text += "  \"images\": \(Self.json(images)),\n"
    text += "  \"thumbnails\": \(Self.json(thumbnails)),\n"
    text += "  \"temp\": \(Self.json(temp)),\n"
    text += "  \"sessions\": { \"active\": \(activeSessions), \"completed\": \(completedSessions) },\n"
    text += "  \"users\": \(users)"
    if let integrity { text += ",\n  \"integrity\": \(integrity.json)" }
    if isCounting { text += ",\n  \"counting\": true" }
    return text + "\n}\n"
  }

  private static func json(_ tally: Tally) -> String { "{ \"size\": \(tally.size), \"count\": \(tally.count) }" }
}

extension Int64 {
  /// The sum, or the largest or smallest number where that is beyond it.
  package func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflows) = addingReportingOverflow(other)
    return overflows ? (other > 0 ? .max : .min) : sum
  }

  func subtractingClamped(_ other: Int64) -> Int64 {
    let (difference, overflows) = subtractingReportingOverflow(other)
    return overflows ? (other > 0 ? .min : .max) : difference
  }
}
