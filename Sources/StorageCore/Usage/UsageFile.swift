internal import FoundationEssentials
internal import Glibc
internal import SystemPackage

/// The figures that a clean stop leaves for the next start.
///
/// The file is taken away when it is read, so that a stop that was not clean
/// leaves none, and the next start counts.
struct UsageFile: Codable {
  /// Raised where files are counted under something else than before: the next start then counts anew.
  static let currentVersion = 2

  var version = Self.currentVersion
  var temp: Tally
  // A list, not a dictionary by String: two user names may look the same.
  var users: [User]

  struct User: Codable {
    var name: String
    var images: Tally
    var thumbnails: Tally
    var areas: [String]
  }

  init(_ state: Ledger.State) {
    temp = state.temp
    users = state.users.map { name, tallies in
      User(
        name: name.description, images: tallies.images, thumbnails: tallies.thumbnails,
        areas: tallies.areas.map(\.rawValue))
    }
  }

  func restore(_ state: inout Ledger.State) {
    state.temp = temp
    for user in users {
      let name = FileName(user.name)
      state.add(user.images, to: .user(.images, name))
      state.add(user.thumbnails, to: .user(.thumbnails, name))
      state.users[name]?.areas = Set(user.areas.compactMap(Area.init(rawValue:)))
    }
  }

  /// Writes the file whole or not at all.
  func save(in privateFolder: CInt) throws(StorageError) {
    guard let bytes = try? JSONEncoder().encode(self) else { return }
    let temporary: FileName = "usage.json.new"
    try StorageError.wrap("saving the usage figures") { () throws(Errno) in
      // One may be left of a stop that was cut off.
      do throws(Errno) { try Sys.unlink(temporary, in: privateFolder) } catch .noSuchFileOrDirectory {}
      let file = try Sys.open(temporary, in: privateFolder, O_WRONLY | O_CREAT | O_EXCL, mode: mode_t(Layout.fileMode))
      try Sys.writeAll(file, at: 0, [UInt8](bytes))
      try Sys.synchronizeData(file)
      try Sys.rename(temporary, in: privateFolder, to: Layout.usage, in: privateFolder)
      try Sys.synchronizeFolder(privateFolder)
    }
  }

  /// Reads the file and takes it away; `nil` where there is none or it cannot be understood.
  ///
  /// - Parameter isLeft: it stays, where nothing can be taken away, nor changed since.
  static func take(from privateFolder: CInt, leaving isLeft: Bool = false) throws(StorageError) -> UsageFile? {
    var bytes: [UInt8] = []
    do throws(Errno) {
      // What is not the file that was left tells nothing.
      if let file = try? Sys.openOwn(Layout.usage, in: privateFolder, O_RDONLY) {
        bytes = (try? Sys.readAll(file, limit: 1 << 30)) ?? []
      }
      if isLeft { return UsageFile(json: bytes) }
      try Sys.unlink(Layout.usage, in: privateFolder)
      // Without this a power cut could bring old figures back.
      try Sys.synchronizeFolder(privateFolder)
    } catch .noSuchFileOrDirectory {
      return nil
    } catch {
      throw .system(error, doing: "taking the usage figures of the last stop away")
    }
    return UsageFile(json: bytes)
  }

  /// `nil` where it is none, or says what cannot be.
  init?(json: [UInt8]) {
    guard let file = try? JSONDecoder().decode(UsageFile.self, from: Data(json)), file.version == Self.currentVersion
    else { return nil }
    let tallies = file.users.flatMap { [$0.images, $0.thumbnails] } + [file.temp]
    guard tallies.allSatisfy({ $0.count >= 0 }) else { return nil }
    self = file
  }
}
