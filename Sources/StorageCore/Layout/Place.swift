/// The two trees of files by user, year and month.
public enum Area: String, Hashable, Sendable, CaseIterable {
  case images, thumbnails

  /// Its folder below the storage root.
  public var folderName: FileName { FileName(rawValue) }
}

/// Every kind of place that the tree has.
///
/// A name becomes a place once, at the door (``child(_:)``); below the door
/// there are no checks of strings, but a `switch` over this.
public enum Place: Hashable, Sendable {
  case root
  case rootStats
  case rootErrors

  /// `images` or `thumbnails`.
  case area(Area)
  case user(Area)
  case year(Area)
  case month(Area)
  /// An image, or a thumbnail.
  case image(Area)
  /// A copying tool's temporary file in a month folder; see ``NameRules/isWorkName(_:)``.
  case work(Area)
  /// `images/user-ID/.stats`
  case userStats

  case temp
  case uploads
  case session
  case chunk
  /// A copying tool's temporary file in a session.
  case sessionWork
  /// `.complete`
  case marker
  case sessionStats

  /// `temp/processing` itself.
  case workspace
  /// Anything below it.
  case workspaceEntry

  /// The place of `name` in this folder.
  ///
  /// - Throws: the refusal that creating such a name meets. A lookup of it finds nothing.
  public func child(_ name: FileName) throws(StorageError) -> Place {
    try NameRules.check(name)
    switch self {
    case .root:
      switch name {
      case "images": return .area(.images)
      case "thumbnails": return .area(.thumbnails)
      case "temp": return .temp
      case ".stats": return .rootStats
      case ".errors": return .rootErrors
      default:
        throw .notHere(
          name.description, rule: "the root holds images, thumbnails and temp only; nothing is added to it")
      }
    case .area(let area):
      guard NameRules.isUserFolder(name) else {
        throw .badName(name.description, rule: "a user's folder is named user-ID, not '\(name)'")
      }
      return .user(area)
    case .user(let area):
      if area == .images, name == ".stats" { return .userStats }
      guard NameRules.isYear(name) else {
        throw .badName(name.description, rule: "year must be four digits, not '\(name)'")
      }
      return .year(area)
    case .year(let area):
      guard NameRules.isMonth(name) else {
        throw .badName(name.description, rule: "month must be 01 to 12, not \(name)")
      }
      return .month(area)
    case .month(let area):
      if NameRules.isWorkName(name) { return .work(area) }
      guard area == .images || NameRules.isThumbnail(name) else {
        throw .badName(name.description, rule: "a thumbnail is named ID_thumb.jpg, not '\(name)'")
      }
      return .image(area)
    case .temp:
      switch name {
      case "uploads": return .uploads
      case "processing": return .workspace
      default:
        throw .notHere(
          name.description, rule: "temp holds uploads and processing only; use temp/processing for files of your own")
      }
    case .uploads:
      guard NameRules.isSession(name) else {
        throw .badName(
          name.description,
          rule: "a session's name is 1 to 128 of letters, digits, '.', '_' and '-', and does not start with a dot")
      }
      return .session
    case .session:
      if name == ".complete" { return .marker }
      if name == ".stats" { return .sessionStats }
      if NameRules.isWorkName(name) { return .sessionWork }
      _ = try ChunkIndex(name)
      return .chunk
    case .workspace, .workspaceEntry:
      return .workspaceEntry
    case .rootStats, .rootErrors, .image, .work, .userStats, .chunk, .sessionWork, .marker, .sessionStats:
      throw .notHere(name.description, rule: "a file holds no names")
    }
  }

  /// What may be made directly in this folder.
  public enum Contents: Sendable {
    case nothing, folders, files, anything
  }

  /// What the folder takes, with the sentence for whoever tries something else.
  public var contents: (takes: Contents, rule: String) {
    switch self {
    case .root: (.nothing, "the root holds images, thumbnails and temp only; nothing is added to it or taken away")
    case .temp: (.nothing, "temp holds uploads and processing only; nothing is added to it or taken away")
    case .area(let area): (.folders, "\(area) holds folders named user-ID; files go into \(area)/user-ID/YYYY/MM")
    case .user(let area): (.folders, "a user's folder holds years; files go into \(area)/user-ID/YYYY/MM")
    case .year: (.folders, "a year holds months 01 to 12; files go into a month")
    case .month: (.files, "a month folder holds files only")
    case .uploads: (.folders, "temp/uploads holds sessions, which are folders; make one with mkdir")
    case .session: (.files, "a session holds chunk_N files and the marker .complete only")
    case .workspace, .workspaceEntry: (.anything, "")
    case .rootStats, .rootErrors, .image, .work, .userStats, .chunk, .sessionWork, .marker, .sessionStats:
      (.nothing, "a file holds no names")
    }
  }

  /// Made by the file system at each reading, not kept on disk.
  public var isVirtual: Bool {
    switch self {
    case .rootStats, .rootErrors, .userStats, .sessionStats: true
    case .root, .area, .user, .year, .month, .image, .work, .temp, .uploads, .session, .chunk, .sessionWork, .marker,
      .workspace, .workspaceEntry:
      false
    }
  }

  /// Folders that ``Storage/initialize()`` makes and nobody removes or renames.
  public var isDocumentedFolder: Bool {
    switch self {
    case .root, .area, .temp, .uploads, .workspace: true
    case .rootStats, .rootErrors, .user, .year, .month, .image, .work, .userStats, .session, .chunk, .sessionWork,
      .marker, .sessionStats, .workspaceEntry:
      false
    }
  }

  /// Whether a new file here is kept in the staging folder until it is whole.
  public var isStaged: Bool {
    switch self {
    case .image, .work, .chunk, .sessionWork: true
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .userStats, .temp, .uploads, .session, .marker,
      .sessionStats, .workspace, .workspaceEntry:
      false
    }
  }

  /// Whether the name is a tool's temporary one, which stays staged however whole the file is.
  public var isWorkName: Bool {
    switch self {
    case .work, .sessionWork: true
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .image, .userStats, .temp, .uploads, .session,
      .chunk, .marker, .sessionStats, .workspace, .workspaceEntry:
      false
    }
  }
}

extension Area: CustomStringConvertible {
  public var description: String { rawValue }
}
