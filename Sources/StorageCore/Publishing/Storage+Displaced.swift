internal import CLinux
internal import Glibc
package import SystemPackage

/// Files whose name was given to another that is not whole yet.
///
/// Whoever renames a file over an image while the file is still being written has, on any other file system, the old
/// image or the new one after a crash. So the old one is kept in the staging folder, under a name of its own, until the
/// new one has the name in the storage root. What is found there by a start gets its name back, if the name is free.
extension Storage {
  /// Takes a file off its name, for another that waits for the name.
  ///
  /// - Parameters:
  ///   - folder: in which the file is.
  ///   - origin: the file's path, by which the next start finds where it was.
  /// - Returns: its staged name.
  package func displace(_ name: FileName, in folder: SharedDescriptor, _ origin: Origin) throws(Errno) -> FileName {
    guard let staging = try? staging else { throw .badFileDescriptor }
    let displaced = staging.nextDisplacedName(origin)
    let file = try Sys.openPath(name, in: folder)
    let isTold = StagedName(parsing: Staging.nameOfDisplaced(displaced))?.origin != nil
    do throws(Errno) {
      // Without it the next start could not put the file back. One that an earlier name has left says something else.
      let raw = file.raw
      try Sys.asOwner(of: raw) { () throws(Errno) in
        if isTold { return Staging.removeOrigin(of: file) }
        try Sys.setExtendedAttribute(Layout.originAttribute, of: raw, to: Array(origin.text.utf8))
      }
      try Sys.rename(name, in: folder, to: displaced, in: staging.folder)
    } catch {
      Staging.removeOrigin(of: file)
      throw error
    }
    return displaced
  }

  /// Undoes ``displace(_:in:_:)``. Where that fails, the next start does it.
  package func putBack(_ displaced: FileName, as name: FileName, in folder: SharedDescriptor) {
    guard let staging = try? staging, let file = try? Sys.openPath(displaced, in: staging.folder) else { return }
    if (try? Sys.rename(displaced, in: staging.folder, to: name, in: folder, flags: Staging.noReplace)) != nil {
      Staging.removeOrigin(of: file)
    }
  }

  /// The new file has the name, or somebody has given it up: what it replaced is gone.
  package func dropDisplaced(by staged: FileName) {
    guard let displaced = pending.takeDisplaced(by: staged) else { return }
    do throws(Errno) {
      guard let staging = try? staging else { return }
      try Sys.unlink(displaced, in: staging.folder)
    } catch {
      refusals.add(
        operation: "rename", path: Layout.path([Layout.privateFolder, Layout.staging, displaced]), errno: error,
        advice: "a file that was replaced could not be removed; the next mount removes it")
    }
  }

  /// The new file will never be whole: the name is the old one's again. The caller holds the folder's lock.
  func restoreDisplaced(by staged: FileName, as name: FileName, _ place: DisplacedPlace) -> Bool {
    guard let displaced = pending.takeDisplaced(by: staged), let staging = try? staging,
      let folder = try? root.openFolder(place.path.folder), let stat = try? Sys.stat(displaced, in: staging.folder)
    else { return false }
    putBack(displaced, as: name, in: SharedDescriptor(folder))
    guard (try? Sys.stat(displaced, in: staging.folder)) == nil else { return false }
    ledger.record(
      Tally(size: Int64(stat.st_size), count: 1), to: place.account, in: place.folder, file: FileIdentity(stat))
    return true
  }

  /// Where a displaced file was.
  struct DisplacedPlace {
    let path: StoragePath
    let folder: FileIdentity
    let account: Account
  }

  /// Sees to displaced files that an earlier server left: each is kept for the file that waits for its name, gets its
  /// name back, or is gone where another has the name.
  package func settleDisplaced(_ left: [DisplacedFile]) {
    for file in left {
      do throws(Errno) { try settle(file) } catch {
        refusals.add(
          operation: "recover", path: file.origin, errno: error,
          advice: "was being replaced and could not be given its name back; the next mount tries again")
      }
    }
  }

  private func settle(_ file: DisplacedFile) throws(Errno) {
    guard let staging = try? staging else { return }
    guard let path = try? StoragePath(parsing: file.origin) else {
      let (target, _) = try Recovery.moveToWorkspace(file.name, in: staging.folder.raw, origin: file.origin, root: root)
      return refusals.add(
        operation: "recover", path: file.origin, errno: .ioError,
        advice: "was being replaced, and where it was is not known; it is \(target)")
    }
    let folder: SharedDescriptor
    do throws(Errno) {
      folder = SharedDescriptor(try root.openFolder(path.folder))
    } catch .noSuchFileOrDirectory {
      _ = try Recovery.moveToWorkspace(file.name, in: staging.folder.raw, origin: file.origin, root: root)
      return
    }
    if let waiting = pending.staged(path.fileName, in: FileIdentity(try Sys.stat(folder))) {
      return pending.keep(file.name, for: waiting)
    }
    let held = try Sys.openPath(file.name, in: staging.folder)
    do throws(Errno) {
      try Sys.rename(file.name, in: staging.folder, to: path.fileName, in: folder, flags: Staging.noReplace)
    } catch .fileExists {
      return try Sys.unlink(file.name, in: staging.folder)
    }
    Staging.removeOrigin(of: held)
    refusals.add(
      operation: "recover", path: file.origin, errno: .ioError,
      advice: "was being replaced by a file that was not whole yet; it is as it was before")
  }
}

/// A file that was being replaced when an earlier server ended.
package struct DisplacedFile: Sendable {
  /// In the staging folder.
  let name: FileName
  /// Its path.
  let origin: String
}
