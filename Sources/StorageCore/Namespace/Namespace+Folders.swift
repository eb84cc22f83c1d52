package import Glibc
package import SystemPackage

/// How folders come, move and go.
extension Namespace {
  /// Whether it is kept in mind which folders of this kind there are. For these the caller holds the lock of the folder that
  /// they are in.
  package func isNoted(_ place: Place) -> Bool {
    switch place {
    case .user, .session: true
    case .root, .rootStats, .rootErrors, .area, .year, .month, .image, .work, .userStats, .temp, .uploads, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
      false
    }
  }

  /// Makes a folder. The caller is within the gate.
  ///
  /// - Parameter mode: of a folder of the workspace; others have the store's.
  package func makeFolder(
    _ name: FileName, in folder: Folder, _ place: Place, mode: mode_t
  ) throws(Errno) {
    let mode = place == .workspaceEntry ? mode & 0o7777 : mode_t(storage.folderMode)
    try Sys.makeFolder(name, in: folder.descriptor, mode: mode)
    guard storage.ledger.isCounting else { return }
    // Of this one it is certain that it is empty; one that an earlier server made may not be, and the counter meets it.
    if let stat = try? Sys.stat(name, in: folder.descriptor) {
      storage.ledger.folderMade(FileIdentity(stat))
    } else {
      storage.ledger.folderMoved()
    }
  }

  /// Gives a folder that was just made its owner and mode, and notes it. Where that is refused, the folder goes again.
  ///
  /// - Parameter owner: whom it is to belong to; `nil` where that is who this process is.
  package func completeFolder(
    _ name: FileName, in folder: Folder, _ place: Place, owner: Owner?
  ) throws {
    if let owner {
      try orRemove(name, in: folder) { () throws(Errno) in
        try Sys.chown(name, in: folder.descriptor, owner.user, owner.group)
      }
    }
    if place != .workspaceEntry {
      try orRemove(name, in: folder) { () throws(Errno) in
        try Root.complete(storage.folderMode, of: name, in: folder.descriptor.raw)
      }
    }
    switch place {
    case .user(let area): storage.ledger.userFolderAppeared(name, in: area)
    case .session: try storage.uploads.began(name)
    case .root, .rootStats, .rootErrors, .area, .year, .month, .image, .work, .userStats, .temp, .uploads, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
      break
    }
  }

  private func orRemove(_ name: FileName, in folder: Folder, _ body: () throws(Errno) -> Void) throws(Errno) {
    do throws(Errno) {
      try body()
    } catch {
      try Sys.removeFolder(name, in: folder.descriptor)
      throw error
    }
  }

  /// Removes an empty folder. The caller is within the gate, and has seen that no file waits for a name in it.
  package func removeFolder(_ name: FileName, in folder: Folder, _ place: Place) throws {
    try removing(name, in: folder) { () throws(Errno) in try Sys.removeFolder(name, in: folder.descriptor) }
    switch place {
    case .session: if let session = storage.uploads.session(name) { try storage.uploads.ended(session) }
    case .user(let area): storage.ledger.userFolderVanished(name, from: area)
    case .root, .rootStats, .rootErrors, .area, .year, .month, .image, .work, .userStats, .temp, .uploads, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
      break
    }
  }

  /// Gives a folder another name, where an empty one may be. The caller is within the gate, alone.
  package func moveFolder(_ source: Entry, _ target: Entry) throws {
    guard let found = source.found else { throw Errno.noSuchFileOrDirectory }
    if let replaced = target.found {
      guard replaced.stat.isFolder else { throw Errno.notDirectory }
      guard storage.pending.isEmpty(replaced.identity) else { throw Errno.directoryNotEmpty }
    }
    let (from, to) = (source.folder.user, target.folder.user)
    let moved =
      if let from, let to, from != to, let area = source.owner?.area {
        (try storage.tallies(below: source.name, in: source.folder.descriptor.raw), from, to, area)
      } else {
        nil as ([(folder: FileIdentity?, tally: Tally)], FileName, FileName, Area)?
      }
    func change() throws(Errno) {
      try Sys.rename(source.name, in: source.folder.descriptor, to: target.name, in: target.folder.descriptor)
    }
    if target.found != nil { try removing(target.name, in: target.folder, by: change) } else { try change() }
    storage.openFiles?.renamed(found.identity, from: source, to: target)
    storage.ledger.folderMoved()
    if source.owner != nil { storage.digests.moved([(source.names, target.names)]) }
    if let moved { storage.ledger.move(moved.0, from: moved.1, to: moved.2, in: moved.3) }
    if case .user(let area) = target.place {
      if target.found != nil { storage.ledger.userFolderVanished(target.name, from: area) }
      storage.ledger.userFolderRenamed(source.name, to: target.name, in: area)
    }
  }

  /// Keeps a folder that somebody may be in reachable while `removal` takes its name away.
  private func removing(_ name: FileName, in folder: Folder, by removal: () throws(Errno) -> Void) throws(Errno) {
    let held = SharedDescriptor(try Sys.openPath(name, in: folder.descriptor))
    let identity = FileIdentity(try Sys.stat(held))
    try removal()
    _ = storage.observer?.unlinked(identity, held, by: .deleted)
  }
}
