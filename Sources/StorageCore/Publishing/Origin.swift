/// Where a staged file is going and, once it was published at close, its size: what its attribute says or, for
/// what that leaves out, its name.
package struct Origin: Equatable, Sendable {
  /// What can be made again and is not worth recovering.
  package static let disposable = Origin(path: "-")

  package var path: String
  /// The inode number of the folder in which it is to have its name: by that the folder is found, although one on the
  /// way to it was renamed since. The path is for those of which it is not known.
  var folder: UInt64?
  /// Bytes, where the file was published.
  var size: Int64?

  package init(path: String, folder: FileIdentity) { self.init(path: path, folder: folder.inode) }

  init(path: String, folder: UInt64? = nil, size: Int64? = nil) {
    self.path = path
    self.folder = folder
    self.size = size
  }

  var text: String {
    (size.map { "\($0) " } ?? "") + (folder.map { "\(StagedName.folderSign)\($0) " } ?? "") + path
  }

  /// The same without what the file's name has.
  func text(of staged: FileName) -> String {
    guard let size, let name = StagedName(parsing: staged), name.origin == path, name.folder == folder else {
      return text
    }
    return String(size)
  }

  func published(_ size: Int64) -> Origin { Origin(path: path, folder: folder, size: size) }

  init(parsing text: String) {
    var rest = text[...]
    func next<Value>(_ parse: (Substring) -> Value?) -> Value? {
      let parts = rest.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let value = parse(parts[0]) else { return nil }
      rest = parts[1]
      return value
    }
    let size = next { Int64($0) }
    let folder = next { $0.first == StagedName.folderSign ? UInt64($0.dropFirst()) : nil }
    self.init(path: String(rest), folder: folder, size: size)
  }

  /// - Parameter text: of the attribute; `nil` where the file has none.
  init(parsing text: String?, of staged: FileName) {
    let name = StagedName(parsing: staged)
    if let text {
      if let name, let path = name.origin, let size = Int64(text) {
        self.init(path: path, folder: name.folder, size: size)
      } else {
        self.init(parsing: text)
      }
    } else {
      self.init(path: name?.origin ?? "file-\(Self.label(of: staged))", folder: name?.folder)
    }
  }

  /// What keeps the file apart from others that were going to the same place: its number.
  static func label(of staged: FileName) -> String {
    StagedName(parsing: staged).map { String($0.number) } ?? staged.description
  }
}
