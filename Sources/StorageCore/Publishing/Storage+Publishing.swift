internal import CLinux
package import Glibc
package import SystemPackage

extension Storage {
  /// Gives a staged file its place in the tree, durably; folders on the way are made.
  ///
  /// - Parameters:
  ///   - source: where the file is now; `nil` is the staging folder.
  ///   - owner: whom the file and the folders are to belong to; a set-group-ID folder hands down its group.
  /// - Returns: what went wrong after the file had its name: it is there, but perhaps not on disk.
  func publish(
    _ staged: FileName, in source: SharedDescriptor? = nil, _ descriptor: CInt, as path: StoragePath,
    overwriting: Bool, owner: Owner
  ) throws(StorageError) -> StorageError? {
    var (late, isBeingWritten) = (nil as StorageError?, false)
    let source = if let source { source } else { try staging.folder }
    var changes: [(FileName, FileIdentity)] = []
    // Folders that were made stay where the rest is refused.
    defer {
      for (name, folder) in changes { observer?.changed(name, in: folder) }
      observer?.settleChanges()
    }
    do throws(Errno) {
      try gate.changing { () throws(Errno) in
        let made = try makeFolders(of: path, owner, &changes)
        let folder = try root.openFolder(path.folder)
        let folderRaw = folder.raw
        let identity = FileIdentity(try Sys.stat(folder))
        let stat = try Sys.stat(descriptor)
        let size = Int64(stat.st_size)
        // Before the lock, which then is not held for long.
        let group = try Root.inheritedGroup(of: folder.raw) ?? owner.group
        try Sys.give(descriptor, to: Owner(user: owner.user, group: group))
        Staging.removeOrigin(of: descriptor)
        try Sys.synchronizeData(descriptor)
        try names.holding(identity) { () throws(Errno) in
          // Somebody is writing a file of that name.
          isBeingWritten = pending.staged(path.fileName, in: identity) != nil
          if isBeingWritten { throw .fileExists }
          try losing(
            path.fileName, in: folderRaw, identity, from: account(of: path), by: .replaced
          ) { () throws(Errno) in
            try Sys.rename(
              staged, in: source, to: path.fileName, in: folderRaw, flags: overwriting ? 0 : lx_RENAME_NOREPLACE)
          }
          ledger.record(Tally(size: size, count: 1), to: account(of: path), in: identity)
        }
        // From here on it has its name, and nothing is undone.
        do throws(Errno) {
          try Sys.synchronizeFolder(folder)
          if let depth = made.first { try synchronizeFolders(path.names, from: depth) }
        } catch {
          late = .system(error, doing: "bringing the name of \(path) onto the disk")
        }
        if case .image = path.place { digests.want(FileIdentity(stat), at: path.names) }
        changes.append((path.fileName, identity))
      }
    } catch .fileExists {
      throw isBeingWritten ? .targetOpen(path.description) : .targetExists(path.description)
    } catch .notDirectory {
      throw .badTarget("\(path) is below a file; choose a folder")
    } catch {
      throw .system(error, doing: "putting \(path) in place")
    }
    return late
  }

  /// What a file is counted under.
  package func account(of path: StoragePath) -> Account {
    Account(of: path.place, user: path.names.count > 1 ? path.names[1] : nil)
  }

  /// Does what takes `name` away from the file that has it now, and books what is gone with it.
  ///
  /// The caller holds the folder's lock, and no file's.
  ///
  /// - Parameter before: told which file it is, just before the change.
  /// - Returns: the file that lost the name, and whether that was its last.
  @discardableResult
  package func losing(
    _ name: FileName, in folder: CInt, _ here: FileIdentity, from account: Account, by loss: NameLoss = .deleted,
    before: (FileIdentity) -> Void = { _ in }, _ change: () throws(Errno) -> Void
  ) throws(Errno) -> (file: FileIdentity, isGone: Bool)? {
    let held: SharedDescriptor
    do throws(Errno) {
      // Held until all is booked: without it the inode's number could be another file's the moment the name is gone.
      held = SharedDescriptor(try Sys.openPath(name, in: folder))
    } catch .noSuchFileOrDirectory {
      try change()
      return nil
    }
    let file = FileIdentity(try Sys.stat(held))
    return try sizes.holding(file) { () throws(Errno) in
      // With the lock, because it may have grown, and because it may have lost its record and with that a second name.
      let found = try Sys.stat(held)
      before(file)
      try change()
      return (file, try removed(found, held, from: account, in: here, by: loss))
    }
  }

  /// A name is gone; if it was the file's last, so is what it held. The caller holds the file's lock.
  ///
  /// - Parameters:
  ///   - stat: of the file before.
  ///   - held: the file.
  /// - Returns: whether it was the last.
  @discardableResult
  package func removed(
    _ stat: stat, _ held: SharedDescriptor, from account: Account, in folder: FileIdentity, by loss: NameLoss
  ) throws(Errno) -> Bool {
    let identity = FileIdentity(stat)
    guard stat.isRegularFile else {
      guard stat.st_nlink <= 1 else { return false }
      _ = observer?.unlinked(identity, held, by: loss)
      return true
    }
    var names = stat.st_nlink
    if let staging = try? staging, staging.isOnRecord(identity) {
      do throws(Errno) {
        try staging.forget(identity)
      } catch {
        // The name is gone already, and that is not undone.
        refusals.add(
          operation: "unlink", path: Layout.path([Layout.privateFolder, Layout.staging]), errno: error,
          advice: "a record of what was removed or replaced is left; the next mount puts it into the workspace")
      }
      names -= 1
    }
    guard names <= 1 else { return false }
    let size = observer?.unlinked(identity, held, by: loss) ?? Int64(stat.st_size)
    ledger.recordEnd(of: identity, Tally(size: size, count: 1), in: account, folder)
    digests.gone(identity)
    return true
  }

  /// Makes what is missing of the folders on the way to a file.
  ///
  /// - Parameter changes: what was made, and where, is added, also where more is refused.
  /// - Returns: how deep what was made is.
  private func makeFolders(
    of path: StoragePath, _ owner: Owner, _ changes: inout [(FileName, FileIdentity)]
  ) throws(Errno) -> [Int] {
    // With the lock that rmdir of a user's folder takes: whether there is one and whether it is counted is one thing.
    let area = FileIdentity(try Sys.stat(try root.openFolder(Array(path.names[..<1]))))
    return try names.holding(area) { () throws(Errno) in
      var made: [Int] = []
      let result: Result<Void, Errno>
      do throws(Errno) {
        _ = try root.makeFolders(path.folder, owner: owner) { made.append($0) }
        result = .success(())
      } catch {
        result = .failure(error)
      }
      for depth in made {
        let parent = try root.openFolder(Array(path.names[..<depth]))
        changes.append((path.names[depth], FileIdentity(try Sys.stat(parent))))
        noteUserFolder(path.names, depth)
      }
      if !made.isEmpty { ledger.folderMoved() }
      try result.get()
      return made
    }
  }

  private func noteUserFolder(_ names: [FileName], _ depth: Int) {
    guard depth == 1, let place = try? StoragePath(names: Array(names[...1])).place, case .user(let area) = place else {
      return
    }
    ledger.userFolderAppeared(names[1], in: area)
  }

  /// The names of folders that were just made have to last, too.
  private func synchronizeFolders(_ names: [FileName], from depth: Int) throws(Errno) {
    for end in depth..<(names.count - 1) {
      try Sys.synchronizeFolder(try root.openFolder(Array(names[..<end])))
    }
  }

  /// Brings a file's name onto the disk, with those of all folders on the way.
  static func synchronizeFolders(of path: StoragePath, in root: Root) throws(Errno) {
    for end in 0..<path.names.count { try Sys.synchronizeFolder(try root.openFolder(Array(path.names[..<end]))) }
  }
}
