internal import Glibc
internal import SystemPackage

/// Where what was cut off is put: `temp/processing/recovered`, made where it is missing.
///
/// The workspace is everybody's, so another thing may have that name: a file, a link, or a folder in which somebody else
/// would get to see images. Then it is `recovered-2`, and so on.
struct RecoveredFolder {
  let folder: SharedDescriptor
  let name: FileName
  /// It was just made.
  let isNew: Bool

  /// So many names are tried.
  private static let limit = 1000

  static func open(in root: Root) throws(Errno) -> RecoveredFolder {
    let workspace = SharedDescriptor(try root.openFolder(Layout.workspacePath))
    for number in 1...limit {
      let name = number == 1 ? Layout.recovered : FileName("\(Layout.recovered)-\(number)")
      let isNew = try Root.makeFolder(name, in: workspace.raw, owner: nil)
      if let folder = try openOwn(name, in: workspace) {
        return RecoveredFolder(folder: folder, name: name, isNew: isNew)
      }
    }
    throw .fileExists
  }

  /// Whether such a folder may be called so.
  static func isName(_ name: FileName) -> Bool {
    guard name != Layout.recovered else { return true }
    let prefix = "\(Layout.recovered)-"
    guard name.hasPrefix(prefix), let number = Int(name.description.dropFirst(prefix.count)) else { return false }
    return (2...limit).contains(number) && FileName("\(prefix)\(number)") == name
  }

  /// `nil` where it is none that this server has made and can use.
  static func openOwn(_ name: FileName, in workspace: SharedDescriptor) throws(Errno) -> SharedDescriptor? {
    do throws(Errno) {
      let folder = SharedDescriptor(try Sys.openFolder(name, in: workspace))
      let stat = try Sys.stat(folder)
      // Root's capabilities are more than any mode.
      let canUse = geteuid() == 0 || stat.st_mode & 0o300 == 0o300
      return stat.st_uid == geteuid() && canUse ? folder : nil
    } catch {
      switch error {
      case .notDirectory, .tooManySymbolicLinkLevels, .permissionDenied: return nil
      default: throw error
      }
    }
  }
}
