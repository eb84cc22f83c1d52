import CLinux
import Glibc
import MammoMount
import StorageCore
import SystemPackage

/// The two folders of a mount that is asked for: the storage root and the mount point.
///
/// They are looked at before anything is made, and what was made for a mount that then fails goes again: whoever is
/// refused finds everything as it was.
struct MountFolders {
  /// Absolute, as the kernel spells them.
  let root: String
  let mountPoint: String
  /// What the mount point holds may be hidden by the mount.
  private let mayCover: Bool
  /// Those that ``make()`` made.
  private var made: [String] = []
  /// What the storage root held before; `nil` where it was not there.
  private let before: Contents?

  private struct Contents {
    let names: Set<FileName>
    let mode: mode_t
  }

  /// Whether a folder that is no storage root yet may become one.
  enum NewRoot {
    /// Never.
    case refused
    /// Where nothing speaks against it.
    case ifPlain
    /// Whatever is there.
    case wanted
  }

  /// Checks, and changes nothing.
  init(root: String, mountPoint: String, mayCover: Bool, newRoot: NewRoot) throws {
    self.mayCover = mayCover
    self.root = try MountPoint.resolved(root)
    self.mountPoint = try MountPoint.resolved(mountPoint)
    before = Self.contents(of: self.root)
    try checkMountPoint(given: mountPoint)
    try Self.check(self.root, what: "storage root")
    try checkPlaces()
    // What a dead mount hides can be looked at once that is cleared.
    if MountPoint.dead(holding: self.mountPoint) == nil { try checkEmpty() }
    try Self.checkGuard(self.root, newRoot)
  }

  /// Clears a dead mount, and makes what is missing.
  mutating func make() throws {
    if MountPoint.dead(holding: mountPoint) != nil {
      while let dead = MountPoint.dead(holding: mountPoint) { try Self.clear(dead) }
      try checkEmpty()
    }
    for (path, what) in [(root, "storage root"), (mountPoint, "mount point")] {
      if mkdir(path, mode_t(Layout.folderMode)) == 0 {
        made.append(path)
      } else if errno != EEXIST {
        let error = Errno(rawValue: errno)
        takeBack()
        throw Failure("cannot make the \(what) \(path): \(error)")
      }
    }
  }

  // MARK: Checks

  private func checkMountPoint(given path: String) throws {
    if let dead = MountPoint.dead(holding: mountPoint) {
      // One at this very place is cleared later.
      guard MountPoint.isSame(dead.path, mountPoint) else { throw Failure.serverDied(dead) }
    } else if MountPoint.isDead(mountPoint) {
      throw Failure("\(path) holds a dead mount that is not mammofs's; run: umount -l \(mountPoint)")
    } else if let mount = MountPoint.at(mountPoint) {
      throw Failure(mount.isThereAlready)
    } else {
      try Self.check(mountPoint, what: "mount point")
    }
  }

  /// What lies in the mount point can be seen by nobody while it is mounted over, and is forgotten there: most often it
  /// was copied while nothing was mounted.
  private func checkEmpty() throws {
    guard !mayCover else { return }
    let names = try Failure.explaining("look into the mount point \(mountPoint)") { () throws(Errno) -> [FileName] in
      do throws(Errno) {
        let folder = try Sys.openFile(mountPoint)
        return try FolderStream.all(of: folder).map(\.name)
      } catch .noSuchFileOrDirectory {
        return []
      }
    }
    guard let first = names.min(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) else { return }
    // Somebody may have been quicker.
    if let mount = MountPoint.at(mountPoint) { throw Failure(mount.isThereAlready) }
    throw Failure(
      "the mount point \(mountPoint) is not empty, and the mount would hide what is in it, such as \(first); "
        + "move that away, or say -o nonempty")
  }

  /// It is a folder, or can become one.
  private static func check(_ path: String, what: String) throws {
    var there = stat()
    if stat(path, &there) == 0 {
      guard there.st_mode & S_IFMT == S_IFDIR else { throw Failure("the \(what) \(path) is not a folder") }
    } else if errno != ENOENT {
      throw Failure("cannot look at the \(what) \(path): \(Errno(rawValue: errno))")
    } else if access(parent(of: path), F_OK) != 0 {
      throw Failure("cannot make the \(what) \(path): there is no folder \(parent(of: path)) to make it in")
    }
  }

  /// No store begins where another one should be.
  private static func checkGuard(_ root: String, _ newRoot: NewRoot) throws {
    let found = try Failure.explaining("look into the storage root \(root)") { () throws(Errno) in
      try RootGuard(ofRoot: root)
    }
    if found == .store || newRoot == .wanted { return }
    let why = "\(root) is no storage root: it has no \(Layout.privateFolder)/\(Layout.lock)"
    let anyway = "if a new store is to begin there, say --create"
    if let place = MissingMount.over(root) {
      throw Failure("\(why), and the file system that belongs at \(place) is not mounted; mount that, or \(anyway)")
    }
    switch found {
    case .stranger(let name):
      throw Failure("\(why), but other things, such as \(name); choose an empty folder, or \(anyway)")
    case .nothing, .tree:
      guard newRoot == .refused else { return }
      throw Failure("\(why); mount what should be there, or \(anyway)")
    case .store: return
    }
  }

  /// What a storage root has to be, mounted or not. Changes nothing.
  static func checkRoot(_ root: String, _ newRoot: NewRoot) throws {
    try check(root, what: "storage root")
    try checkOutside(root, MountPoint.all())
    try checkGuard(root, newRoot)
  }

  private static func checkOutside(_ root: String, _ mounts: [MountPoint]) throws {
    if let mount = mounts.last(where: { MountPoint.isPath(root, in: $0.path) }) {
      throw Failure("the storage root \(root) lies in the mammofs mount at \(mount.path); its own is \(mount.root)")
    }
  }

  private func checkPlaces() throws {
    if MountPoint.isPath(root, in: mountPoint) {
      throw Failure("the storage root \(root) would be hidden by its own mount at \(mountPoint); choose another place")
    }
    let mounts = MountPoint.all()
    try Self.checkOutside(root, mounts)
    let holder = mounts.first { MountPoint.isPath(mountPoint, in: $0.root) && $0.isItsRoots }?.root
    if let root = MountPoint.isPath(mountPoint, in: root) ? root : holder {
      throw Failure("the mount point \(mountPoint) is inside the storage root \(root); choose another place")
    }
    if let mount = mounts.last(where: { MountPoint.isSame($0.root, root) && $0.isItsRoots }),
      !MountPoint.isDead(mount.path)
    {
      throw Failure("the storage root \(root) is in use by the mount at \(mount.path); unmount that first")
    }
  }

  // MARK: Undoing

  /// A server that was killed leaves a mount that answers nothing: it is taken away, never mounted over.
  private static func clear(_ mount: MountPoint) throws {
    do throws(Errno) {
      try MountPoint.detach(mount.path, lazily: true)
    } catch .notPermitted {
      try FuserMount.unmount(mount.path, lazily: true)
    } catch {
      throw Failure("cannot clear the dead mount at \(mount.path): \(error)")
    }
  }

  /// Removes what was made, by this program or the server that it started, for a mount that never came to be.
  func takeBack() {
    emptyRoot()
    // Only ever empty ones.
    for path in made.reversed() { rmdir(path) }
  }

  private func emptyRoot() {
    let kept = before?.names ?? []
    guard !kept.contains(Layout.privateFolder), let folder = try? Sys.openFile(root) else { return }
    // Not below somebody else, who was quicker.
    if let lock = try? Root.openOwn(Layout.lock, ofRoot: root) { guard lx_flock(lock.raw, 1, 0) == 0 else { return } }
    for entry in (try? FolderStream.all(of: folder)) ?? [] where !kept.contains(entry.name) {
      Self.removeFolder(entry.name, in: folder, withFiles: entry.name == Layout.privateFolder)
    }
    if let before { chmod(root, before.mode) }
  }

  /// Removes a folder with the empty ones in it.
  ///
  /// - Parameter withFiles: also its own files.
  private static func removeFolder(_ name: FileName, in parent: borrowing Descriptor, withFiles: Bool) {
    guard let folder = try? Sys.openFolder(name, in: parent) else { return }
    for entry in (try? FolderStream.all(of: folder)) ?? [] {
      do throws(Errno) {
        try Sys.removeFolder(entry.name, in: folder)
      } catch .notDirectory where withFiles {
        try? Sys.unlink(entry.name, in: folder)
      } catch {
        // What is in it is not this mount's.
      }
    }
    try? Sys.removeFolder(name, in: parent)
  }

  private static func contents(of path: String) -> Contents? {
    guard let folder = try? Sys.openFile(path), let stat = try? Sys.stat(folder),
      let entries = try? FolderStream.all(of: folder.raw)
    else { return nil }
    return Contents(names: Set(entries.map(\.name)), mode: stat.st_mode & 0o7777)
  }

  private static func parent(of path: String) -> String {
    "/" + MountPoint.names(of: path).dropLast().joined(separator: "/")
  }
}
