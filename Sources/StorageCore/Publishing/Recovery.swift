internal import CLinux
internal import Glibc
internal import SystemPackage

/// Looks, before anything is served, at what an earlier run left staged.
///
/// - A published file that is whole is brought onto the disk and loses its record, and that is all.
/// - A published file that is torn loses its final name and goes to the workspace.
/// - A copying tool's temporary file is taken over as it is.
/// - What was cut off while being written goes to the workspace.
struct Recovery {
  let root: Root
  let staging: SharedDescriptor
  /// Where the sessions' data files are.
  let uploadData: SharedDescriptor
  let refusals: RefusalLog
  /// The page cache still holds what the last run wrote.
  let isCacheKept: Bool
  let abilities: RootAbilities
  /// Inode numbers that the last run noted are those of the same folders.
  let areNumbersKept: Bool
  /// Files that somebody still has open: they stay as they are.
  let open: Set<FileIdentity>
  /// The mount goes on: only its server has ended.
  let isGoingOn: Bool
  /// Nothing can be changed.
  let isReadOnly: Bool

  /// Something that figures count was moved or removed: those of the last stop are not true any more.
  private(set) var hasChangedFiles = false
  /// Published files that are not whole and keep their names, since nothing can be changed.
  private(set) var torn = Set<FileIdentity>()
  /// Looked at where it is needed.
  private(set) var monthsByNumber: [UInt64: [FileName]]?
  /// A file has its final name still, and whether it is torn could not be found out.
  private(set) var hasLeftPublished = false

  /// Staged work files that keep their place, and the first number that is free.
  struct Result {
    var adopted: [AdoptedFile] = []
    /// The staged names of open files.
    var open: [FileIdentity: FileName] = [:]
    /// Files whose name was given to another that was not whole.
    var displaced: [DisplacedFile] = []
    /// Published files that are whole in memory and perhaps not on disk, with their staged names and final paths.
    var unsettled: [(file: FileIdentity, staged: FileName, path: String)] = []
    /// Numbers go on from run to run, so that what is recovered from two runs has two names.
    var firstNumber = UInt64(Clock.now()) * 1000
  }

  mutating func run() throws(StorageError) -> Result {
    var result = Result()
    let entries = try StorageError.wrap("reading the staging folder") { () throws(Errno) in
      try FolderStream.all(of: staging.raw)
    }
    for entry in entries {
      // One that leaves no room for more is none that was given.
      if let number = StagedName(parsing: Staging.nameOfDisplaced(entry.name))?.number, number < .max - 1 << 32 {
        result.firstNumber = max(result.firstNumber, number + 1)
      }
      do throws(Errno) {
        if isReadOnly { try look(at: entry.name, &result) } else { try handle(entry.name, &result) }
      } catch {
        if error.isWantOfDescriptors { throw .system(error, doing: "looking at what was left in the staging folder") }
        if let stat = try? Sys.stat(entry.name, in: staging), stat.isRegularFile, stat.st_nlink > 1 {
          hasLeftPublished = true
        }
        // One that cannot be handled stays for the next start and does not keep the rest waiting.
        refusals.add(
          operation: "recover", path: Layout.path([Layout.privateFolder, Layout.staging, entry.name]), errno: error,
          advice: "left where it is; the next mount tries again")
      }
    }
    return result
  }

  private mutating func handle(_ name: FileName, _ result: inout Result) throws(Errno) {
    let (file, lent) = try openStaged(name)
    defer { lent?.takeBack() }
    let stat = try Sys.stat(file)
    if name.hasPrefix(Staging.displacedPrefix) {
      hasChangedFiles = true
      let origin = present(Staging.origin(ofDisplaced: file, named: name))
      return result.displaced.append(DisplacedFile(name: name, origin: origin.path))
    }
    let origin = present(Staging.origin(of: file, named: name))
    let isPublished = origin.size != nil && stat.st_nlink > 1
    if !isPublished, stat.st_nlink > 1, hasFinalName(origin.path, FileIdentity(stat)) {
      // A rename in two steps was cut off between them.
      try Sys.unlink(name, in: staging)
      hasChangedFiles = true
      return Staging.removeOrigin(of: file)
    }
    if open.contains(FileIdentity(stat)), !isPublished {
      result.open[FileIdentity(stat)] = name
      return
    }
    if origin == Origin.disposable { return try Sys.unlink(name, in: staging) }
    if try ChunkFile.place(of: file) != nil, try !takeOut(file, Int64(stat.st_size), origin) {
      try Sys.unlink(name, in: staging)
      hasChangedFiles = true
      refusals.add(
        operation: "recover", path: origin.path, errno: .ioError,
        advice: "was cut off before any of it was on disk; send it again")
      return
    }
    if let size = origin.size, isPublished {
      if isWhole(file.raw, stat, size) {
        // Whoever works in the mount is not to wait for the disk.
        if isGoingOn { return result.unsettled.append((FileIdentity(stat), name, origin.path)) }
        try Sys.synchronizeData(file)
        try Sys.unlink(name, in: staging)
        return Staging.removeOrigin(of: file)
      }
      hasChangedFiles = true
      try removeFinalName(origin.path, FileIdentity(stat))
      // Should it have to stay here, it is none that was published.
      Staging.setOrigin(Origin(path: origin.path, folder: origin.folder), of: file.raw)
    } else if let path = try? StoragePath(parsing: origin.path), path.place.isWorkName,
      let folder = try? root.openFolder(path.folder), case let identity = FileIdentity(try Sys.stat(folder)),
      // A server may have ended when one had been renamed over another, or half an exchange was done.
      !result.adopted.contains(where: { $0.folder == identity && $0.name == path.fileName })
    {
      result.adopted.append(
        AdoptedFile(
          folder: identity, name: path.fileName, staged: name, path: path.description,
          failure: PendingFiles.failure(notedOn: file)))
      return
    }
    if isGoingOn, stat.st_nlink == 1 {
      // It was published, nobody has it open, and its name was taken away: its record was to follow.
      if origin.size != nil { return try Sys.unlink(name, in: staging) }
      if stat.st_size == 0 {
        // One whose name does not tell where it goes had its name before: it was being opened.
        if StagedName(parsing: name)?.origin == nil, (try? giveBack(name, file, origin)) != nil { return }
        // What was being made when the server ended is made again: its maker still waits.
        return try Sys.unlink(name, in: staging)
      }
    }
    hasChangedFiles = true
    try moveToWorkspace(name, origin.path)
  }

  /// An empty file has the name again that it had.
  private func giveBack(_ name: FileName, _ file: SharedDescriptor, _ origin: Origin) throws {
    let path = try StoragePath(parsing: origin.path)
    let folder = try root.openFolder(path.folder)
    try Sys.rename(name, in: staging, to: path.fileName, in: folder, flags: Staging.noReplace)
    Staging.removeOrigin(of: file)
  }

  /// As ``handle(_:_:)``, where nothing can be changed.
  private mutating func look(at name: FileName, _ result: inout Result) throws(Errno) {
    let file = SharedDescriptor(try Sys.open(name, in: staging, O_RDONLY))
    let stat = try Sys.stat(file)
    if name.hasPrefix(Staging.displacedPrefix) {
      return try lookAtDisplaced(name, present(Staging.origin(ofDisplaced: file, named: name)), &result)
    }
    let origin = present(Staging.origin(of: file, named: name))
    // One with its final name is in place, whatever else it has.
    if stat.st_nlink > 1 {
      guard let size = origin.size, !isWhole(file.raw, stat, size) else { return }
      torn.insert(FileIdentity(stat))
      hasChangedFiles = true
      return tell(origin.path, "is not whole since the power failed, and does not show")
    }
    if let path = try? StoragePath(parsing: origin.path), path.place.isWorkName,
      let folder = try? root.openFolder(path.folder)
    {
      result.adopted.append(
        AdoptedFile(
          folder: FileIdentity(try Sys.stat(folder)), name: path.fileName, staged: name, path: path.description,
          failure: PendingFiles.failure(notedOn: file)))
    } else if origin != Origin.disposable {
      tell(origin.path, "was cut off while being written")
    }
  }

  /// What was being replaced shows as it did, unless another has its name by now.
  private mutating func lookAtDisplaced(_ name: FileName, _ origin: Origin, _ result: inout Result) throws(Errno) {
    guard let path = try? StoragePath(parsing: origin.path) else {
      return tell(origin.path, "was being replaced, and where it was is not known")
    }
    let folder = try root.openFolder(path.folder)
    do throws(Errno) {
      _ = try Sys.stat(path.fileName, in: folder)
    } catch .noSuchFileOrDirectory {
      hasChangedFiles = true
      result.adopted.append(
        AdoptedFile(
          folder: FileIdentity(try Sys.stat(folder)), name: path.fileName, staged: name, path: path.description,
          failure: nil))
    }
  }

  private func tell(_ path: String, _ what: String) {
    refusals.add(
      operation: "recover", path: path, errno: .ioError,
      advice:
        "\(what); the storage root is read-only: a mount that may write puts what there is of it into the workspace")
  }

  /// The path as it is now: a folder on the way may have been renamed since it was noted.
  private mutating func present(_ origin: Origin) -> Origin {
    guard areNumbersKept, let number = origin.folder, let path = try? StoragePath(parsing: origin.path) else {
      return origin
    }
    if let folder = try? root.openFolder(path.folder), let stat = try? Sys.stat(folder), UInt64(stat.st_ino) == number {
      return origin
    }
    let folders = monthsByNumber ?? months()
    monthsByNumber = folders
    guard let found = folders[number] else { return origin }
    return Origin(path: Layout.path(found + [path.fileName]), folder: number, size: origin.size)
  }

  /// All month folders, by their inode numbers.
  private func months() -> [UInt64: [FileName]] {
    var found: [UInt64: [FileName]] = [:]
    func look(_ names: [FileName]) {
      guard let folder = try? root.openFolder(names), let entries = try? FolderStream.all(of: folder.raw) else {
        return
      }
      for entry in entries {
        let path = names + [entry.name]
        // Area, user, year, month.
        if path.count == 4 { found[entry.inode] = path } else { look(path) }
      }
    }
    for area in Area.allCases { look([area.folderName]) }
    return found
  }

  /// Opens a staged file for reading and writing. An ordinary user's may have a mode that does not let its server: it has
  /// the owner's bits while it is handled, for its attributes, too.
  private func openStaged(
    _ name: FileName
  ) throws(Errno) -> (file: SharedDescriptor, lent: LentRights<SharedDescriptor>?) {
    do throws(Errno) {
      return (SharedDescriptor(try Sys.open(name, in: staging, O_RDWR)), nil)
    } catch .permissionDenied {
      let lent = try Sys.lendRights(to: SharedDescriptor(try Sys.openPath(name, in: staging)))
      do throws(Errno) {
        return (SharedDescriptor(try Sys.open(name, in: staging, O_RDWR)), lent)
      } catch {
        lent.takeBack()
        throw error
      }
    }
  }

  /// Gives a chunk that was cut off the bytes that the session's data file has of it; false where there are none.
  private func takeOut(_ chunk: SharedDescriptor, _ size: Int64, _ origin: Origin) throws(Errno) -> Bool {
    guard size > 0, let place = try ChunkPlace.noted(on: chunk), let path = try? StoragePath(parsing: origin.path),
      path.names.count > 2
    else { return false }
    let data = SessionData(folder: uploadData, name: path.names[2], abilities: abilities)
    // Nothing of it was synchronised, since it was not closed: only holes would tell what is lost.
    guard let file = try data.reopen(), isCacheKept || (abilities.showsHoles && data.holds(place, size: size)) else {
      return false
    }
    try Sys.copySparse(from: file.raw, at: place.start, to: chunk.raw, at: 0, length: size)
    try Sys.removeExtendedAttribute(Layout.placeAttribute, of: chunk)
    return true
  }

  /// Data that never reached the disk leaves the file short or with a hole.
  private func isWhole(_ descriptor: CInt, _ stat: stat, _ size: Int64) -> Bool {
    if isCacheKept { return true }
    return stat.st_size == size && (size == 0 || lseek(descriptor, 0, lx_SEEK_HOLE) == stat.st_size)
  }

  /// The name is where the record says, unless a folder on the way was renamed since: then it is looked for.
  private func removeFinalName(_ path: String, _ file: FileIdentity) throws(Errno) {
    if hasFinalName(path, file), let path = try? StoragePath(parsing: path) {
      return try Sys.unlink(path.fileName, in: try root.openFolder(path.folder))
    }
    for top in ["images", "thumbnails", "temp"] as [FileName] where try remove(file, below: top) { return }
  }

  /// Whether a file has the name that it was to have.
  private func hasFinalName(_ path: String, _ file: FileIdentity) -> Bool {
    guard let path = try? StoragePath(parsing: path), let folder = try? root.openFolder(path.folder),
      let stat = try? Sys.stat(path.fileName, in: folder)
    else { return false }
    return FileIdentity(stat) == file
  }

  private func remove(_ file: FileIdentity, below name: FileName) throws(Errno) -> Bool {
    var isFound = false
    let top = SharedDescriptor(try Sys.openFolder(name, in: root.descriptor))
    _ = try FolderCursor.walk(from: top) { error in
      error == .noSuchFileOrDirectory
    } _: { cursor throws(Errno) in
      var folders: [FileName] = []
      for entry in try FolderStream.all(of: cursor.folder) {
        let stat = try Sys.stat(entry.name, in: cursor.folder)
        if stat.isFolder {
          folders.append(entry.name)
        } else if FileIdentity(stat) == file {
          try Sys.unlink(entry.name, in: cursor.folder)
          isFound = true
          return nil
        }
      }
      return folders
    }
    return isFound
  }

  /// At most as many bytes as a name may have, cut between characters.
  private static func clipped(_ text: String) -> String {
    var clipped = text[...]
    while clipped.utf8.count > NameRules.longest { clipped.removeLast() }
    return String(clipped)
  }

  /// Puts a staged file into the workspace under a name that tells where it was going.
  ///
  /// - Returns: its path, and the folder in which it is.
  static func moveToWorkspace(
    _ staged: FileName, in staging: CInt, origin: String, root: Root
  ) throws(Errno) -> (path: String, folder: RecoveredFolder) {
    let recovered = try RecoveredFolder.open(in: root)
    let file = try Sys.openPath(staged, in: staging)
    // It stays as long as what was put there today, however old the tool that wrote it said it was.
    let now = timespec(tv_sec: 0, tv_nsec: Int(lx_UTIME_NOW))
    try Sys.setTimes(file, now, now)
    // The number keeps it apart from others that were going to the same place.
    let target = FileName(clipped("\(Origin.label(of: staged))-" + origin.split(separator: "/").joined(separator: "-")))
    try Sys.rename(staged, in: staging, to: target, in: recovered.folder, flags: lx_RENAME_NOREPLACE)
    // Not before: where there is no room for the name, it stays what it was.
    Staging.removeOrigin(of: file.raw)
    try? Sys.removeExtendedAttribute(Layout.failureAttribute, of: file)
    try Sys.synchronizeFolder(recovered.folder)
    return (Layout.path(Layout.workspacePath + [recovered.name, target]), recovered)
  }

  private func moveToWorkspace(_ name: FileName, _ origin: String) throws(Errno) {
    let (target, _) = try Self.moveToWorkspace(name, in: staging.raw, origin: origin, root: root)
    refusals.add(
      operation: "recover", path: origin, errno: .ioError,
      advice: "was cut off while being written; what there is of it is \(target)")
  }
}

/// A copying tool's temporary file that an earlier run left staged.
package struct AdoptedFile: Sendable {
  package let folder: FileIdentity
  package let name: FileName
  package let staged: FileName
  package let path: String
  /// Of a write to it.
  let failure: Errno?
}
