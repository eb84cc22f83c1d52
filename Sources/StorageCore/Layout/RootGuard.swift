internal import Glibc
package import SystemPackage

/// What a folder is that somebody wants to have as storage root.
///
/// A store is known by its guard, the file `.mammofs/lock`, which ``Storage/initialize(as:)`` makes and nothing takes
/// away. A folder without it is most likely another one than is meant: an empty mount point, above all, whose disk is
/// missing.
package enum RootGuard: Equatable, Sendable {
  /// A storage root, in use or not.
  case store
  /// Nothing, or a folder with nothing in it.
  case nothing
  /// A tree without a guard: restored from a backup, or put there by hand.
  case tree
  /// Something else is kept there; the first name of it.
  case stranger(FileName)

  /// Names that a new file system has by itself.
  private static let ofFileSystems: Set<FileName> = ["lost+found", ".snapshots", ".zfs"]

  /// Looks at the folder at `path` and changes nothing.
  ///
  /// - Throws: the errno of opening or reading it, but for `ENOENT`.
  package init(ofRoot path: String) throws(Errno) {
    do throws(Errno) {
      let folder = try Sys.openBeneathNothing(path)
      self.init(names: try FolderStream.all(of: folder).map(\.name), hasGuard: Self.hasGuard(folder))
    } catch .noSuchFileOrDirectory {
      self = .nothing
    }
  }

  /// Decides by what is in the folder.
  init(names: [FileName], hasGuard: Bool) {
    let own = Set(Layout.folders.compactMap(\.first))
    let strangers = names.filter { !own.contains($0) && !Self.ofFileSystems.contains($0) }
    if hasGuard {
      self = .store
    } else if names.contains("images") || names.contains("thumbnails") {
      self = .tree
    } else if let first = strangers.min(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
      self = .stranger(first)
    } else {
      self = .nothing
    }
  }

  private static func hasGuard(_ root: borrowing Descriptor) -> Bool {
    guard let folder = try? Sys.openFolder(Layout.privateFolder, in: root),
      let stat = try? Sys.stat(Layout.lock, in: folder)
    else { return false }
    return stat.st_mode & S_IFMT == S_IFREG
  }
}
