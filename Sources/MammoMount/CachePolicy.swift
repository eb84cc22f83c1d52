internal import StorageCore

/// The one place that decides how long the kernel may remember.
///
/// The storage root has one owner, so what the kernel was told stays true until
/// the mount itself changes it, and then the kernel is told.
struct CachePolicy: Sendable {
  /// Seconds.
  static let long = 3600.0

  /// For how long a name leads where it was seen to lead, or nowhere.
  func entryTimeout(in folder: Place) -> Double {
    switch folder {
    // A completion makes chunks vanish and the marker change while the kernel holds the folder locked.
    case .session: 0
    // Virtual names come and go with what they tell of.
    case .root, .area, .user, .year, .month, .temp, .uploads, .workspace, .workspaceEntry: Self.long
    case .rootStats, .rootErrors, .image, .work, .userStats, .chunk, .sessionWork, .marker, .sessionStats: 0
    }
  }

  /// For how long a file's attributes hold.
  func attributeTimeout(of place: Place) -> Double {
    switch place {
    case .rootStats, .rootErrors, .userStats, .sessionStats, .marker, .chunk, .sessionWork, .session: 0
    case .root, .area, .user, .year, .month, .temp, .uploads, .workspace, .workspaceEntry, .image, .work: Self.long
    }
  }
}
