internal import FoundationEssentials
package import Glibc
internal import SystemPackage

/// What a store was asked to be (`mammofs init`), kept with it in `.mammofs/settings.json`.
///
/// A program that does not know the file makes folders of 0750 and shows the storage root's own mode, which in a store
/// that is shared lets nobody in.
package struct StoreSettings: Hashable, Sendable {
  /// Mode of new folders outside the workspace.
  package var folderMode = Layout.folderMode
  /// How the mount shows its top, where the storage root's folder is closed to all but the server.
  package var top: Top?

  package struct Top: Hashable, Sendable {
    package var mode: UInt32
    package var owner: Owner

    package init(mode: UInt32, owner: Owner) {
      self.mode = mode
      self.owner = owner
    }

    /// Puts it in place of what the storage root's folder has.
    package func show(in stat: inout stat) {
      stat.st_mode = stat.st_mode & S_IFMT | mode_t(mode)
      stat.st_uid = owner.user
      stat.st_gid = owner.group
    }
  }

  package init() {}

  /// A folder's owner has to get along with it, and nobody is to become somebody else by it.
  package static func isFolderMode(_ mode: UInt32) -> Bool { mode <= 0o3777 && mode & 0o700 == 0o700 }

  private struct File: Codable {
    var version = 1
    var folderMode: String
    var top: Top?

    struct Top: Codable {
      var mode: String
      var user: UInt32
      var group: UInt32
    }
  }

  /// `nil` where it says what cannot be.
  init?(json: [UInt8]) {
    guard let file = try? JSONDecoder().decode(File.self, from: Data(json)), file.version == 1,
      let mode = UInt32(file.folderMode, radix: 8), Self.isFolderMode(mode)
    else { return nil }
    folderMode = mode
    guard let top = file.top else { return }
    guard let mode = UInt32(top.mode, radix: 8), mode <= 0o7777 else { return nil }
    self.top = Top(mode: mode, owner: Owner(user: top.user, group: top.group))
  }

  /// As people may read it.
  var json: [UInt8] {
    get throws {
      let top = top.map { File.Top(mode: Self.octal($0.mode), user: $0.owner.user, group: $0.owner.group) }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      return Array(try encoder.encode(File(folderMode: Self.octal(folderMode), top: top))) + Array("\n".utf8)
    }
  }

  private static func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// What the file says; `nil` where there is none.
  ///
  /// - Throws: `EINVAL` where it cannot be understood.
  static func load(from privateFolder: CInt) throws(Errno) -> StoreSettings? {
    let file: Descriptor
    do throws(Errno) {
      file = try Sys.openOwn(Layout.settings, in: privateFolder, O_RDONLY)
    } catch .noSuchFileOrDirectory {
      return nil
    }
    guard let settings = StoreSettings(json: try Sys.readAll(file, limit: 1 << 16)) else { throw .invalidArgument }
    return settings
  }

  /// Writes the file, whole or not at all.
  func save(in privateFolder: CInt) throws(StorageError) {
    guard let bytes = try? json else { throw .system(.invalidArgument, doing: "writing the store's settings") }
    let temporary: FileName = "settings.json.new"
    try StorageError.wrap("saving the store's settings") { () throws(Errno) in
      // One may be left of a run that was cut off.
      do throws(Errno) { try Sys.unlink(temporary, in: privateFolder) } catch .noSuchFileOrDirectory {}
      let file = try Sys.open(temporary, in: privateFolder, O_WRONLY | O_CREAT | O_EXCL, mode: mode_t(Layout.fileMode))
      try Sys.writeAll(file, at: 0, bytes)
      try Sys.synchronizeData(file)
      try Sys.rename(temporary, in: privateFolder, to: Layout.settings, in: privateFolder)
      try Sys.synchronize(privateFolder)
    }
  }
}
