/// What `.stats` tells of digests.
public struct IntegrityFigures: Hashable, Sendable {
  /// Files that wait for their digest.
  public var pending = 0
  /// Files that the scrub under way, or else the last one, found as they were stored.
  public var verified = 0
  /// Those that it, or `mammofs verify` since, found damaged or could not read.
  public var damaged = 0
  /// When the last scrub ended, in seconds since 1970.
  public var lastScrub: Int64?

  public init() {}

  var json: String {
    let end = lastScrub.map { "\"\(Clock.timestamp(at: $0))\"" } ?? "null"
    return "{ \"pending\": \(pending), \"verified\": \(verified), \"damaged\": \(damaged), \"lastScrub\": \(end) }"
  }
}
