/// The path of a file in the documented tree, relative to the storage root, every name checked.
public struct StoragePath: Hashable, Sendable, CustomStringConvertible {
  /// From the top folder to the file.
  public let names: [FileName]
  /// What the path leads to.
  public let place: Place

  /// Parses `images/user-7/2026/11/a.dcm`; a leading slash is allowed.
  public init(parsing text: String) throws(StorageError) {
    var names: [FileName] = []
    for part in text.split(separator: "/", omittingEmptySubsequences: true) {
      guard part != ".", part != ".." else {
        throw .badTarget("a path goes down from the root; it has no '\(part)'")
      }
      names.append(FileName(String(part)))
    }
    try self.init(names: names)
  }

  public init(names: [FileName]) throws(StorageError) {
    var place = Place.root
    for name in names { place = try place.child(name) }
    self.names = names
    self.place = place
  }

  /// `images/user-{userId}/{year}/{month}/{imageId}.{extension}` of the month given.
  public init(
    _ area: Area, userID: String, year: Int, month: Int, fileName: String
  ) throws(StorageError) {
    // A slash in an id would make two names of one; nothing else can.
    for id in [userID, fileName] where id.utf8.contains(UInt8(ascii: "/")) {
      throw .badName(id, rule: "an ID has no slash: '\(id)'")
    }
    let yearText = String(year)
    try self.init(names: [
      area.folderName, FileName("user-\(userID)"),
      FileName(String(repeating: "0", count: max(0, 4 - yearText.count)) + yearText),
      FileName(month < 10 ? "0\(month)" : "\(month)"), FileName(fileName),
    ])
  }

  /// The file's own name.
  public var fileName: FileName { names.last ?? "" }

  /// The folder's names, from the top.
  public var folder: [FileName] { Array(names.dropLast()) }

  public var description: String { names.map(\.description).joined(separator: "/") }
}

extension StoragePath {
  /// `imageId.extension`, or just the id where the extension is empty; its dot may be said or left out.
  static func imageName(_ imageID: String, _ fileExtension: String) -> String {
    let fileExtension = fileExtension.hasPrefix(".") ? fileExtension.dropFirst() : fileExtension[...]
    return fileExtension.isEmpty ? imageID : "\(imageID).\(fileExtension)"
  }
}
