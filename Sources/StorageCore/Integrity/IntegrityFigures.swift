/// What `.stats` tells of digests.
public struct IntegrityFigures: Hashable, Sendable {
  /// Files that wait for their digest.
  public var pending = 0
  /// Files that the scrub under way, or else the last one, found as they were stored.
  public var verified = 0
  /// Those that it, or `mammofs verify` since, found damaged or could not read.
  public var damaged = 0
  /// Images and thumbnails without a digest, those that wait for theirs among them.
  public var unverified = 0
  /// Not every file has been looked at since the start: there may be more without.
  public var isSurveying = false
  /// When the last scrub, or verification of the whole, ended, in seconds since 1970.
  public var lastScrub: Int64?

  public init() {}

  var json: String {
    let end = lastScrub.map { "\"\(Clock.timestamp(at: $0))\"" } ?? "null"
    let surveying = isSurveying ? ", \"surveying\": true" : ""
    return "{ \"pending\": \(pending), \"verified\": \(verified), \"damaged\": \(damaged), "
      + "\"unverified\": \(unverified), \"lastScrub\": \(end)\(surveying) }"
  }
}
