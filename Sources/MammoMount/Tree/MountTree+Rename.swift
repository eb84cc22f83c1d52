internal import CLinux
package import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
package import SystemPackage

/// `rename`, within a place and from one to another.
extension MountTree {
  /// One side of a rename.
  struct Side {
    let folder: Folder
    let name: FileName
    let place: Place
    let found: (location: Location, stat: stat)?
  }

  package func rename(
    _ name: EntryName, in parent: NodeID, to newName: EntryName, in newParent: NodeID, flags: UInt32, _ caller: Caller
  ) throws(Errno) {
    try answering("rename", newParent, newName) {
      guard flags & ~(lx_RENAME_NOREPLACE | lx_RENAME_EXCHANGE) == 0,
        flags != lx_RENAME_NOREPLACE | lx_RENAME_EXCHANGE
      else { throw Errno.invalidArgument }
      let (name, newName) = (
        FileName(nulTerminated: name.nulTerminated), FileName(nulTerminated: newName.nulTerminated)
      )
      let (folder, newFolder) = (try folder(parent), try folder(newParent))
      func sides() throws -> (source: Side, target: Side, stat: stat) {
        let source = try source(name, in: folder)
        guard let stat = source.found?.stat else { throw Errno.noSuchFileOrDirectory }
        let target = try target(newName, in: newFolder, of: stat)
        try checkPlaces(source, stat, target)
        if target.found != nil, flags == lx_RENAME_NOREPLACE { throw Errno.fileExists }
        return (source, target, stat)
      }
      let first = try sides()
      if first.target.place == .marker { return try completeByRename(first.source, first.target, caller) }
      if folder.id == newFolder.id, name == newName { return }
      // Looked up again under the locks: a close may be publishing either of them.
      if flags == lx_RENAME_EXCHANGE || first.stat.isFolder {
        // Alone: the counter and those who book by folder see it before or after, not half way.
        try storage.gate.still {
          let (source, target, _) = try sides()
          if flags == lx_RENAME_EXCHANGE { try exchange(source, target) } else { try renameFolder(source, target) }
        }
      } else {
        try storage.gate.changing {
          try storage.names.holding(folder.node.identity, and: newFolder.node.identity) {
            let (source, target, _) = try sides()
            try renameFile(source, target)
          }
        }
      }
    }
  }

  private func source(_ name: FileName, in folder: Folder) throws -> Side {
    let place = try existingPlace(name, in: folder)
    if place == .marker { throw StorageError.reserved(".complete") }
    return Side(folder: folder, name: name, place: place, found: try find(name, in: folder))
  }

  private func target(_ name: FileName, in folder: Folder, of stat: stat) throws -> Side {
    try NameRules.check(name)
    let contents = folder.node.place.contents
    let takes =
      switch contents.takes {
      case .nothing: false
      case .folders: stat.isFolder
      case .files: !stat.isFolder
      case .anything: true
      }
    if let place = try? folder.node.place.child(name), place.isVirtual { throw StorageError.reserved(name.description) }
    guard takes else { throw StorageError.notHere(name.description, rule: contents.rule) }
    let place = try folder.node.place.child(name)
    return Side(folder: folder, name: name, place: place, found: place == .marker ? nil : try find(name, in: folder))
  }

  /// What may be renamed to where.
  private func checkPlaces(_ source: Side, _ stat: stat, _ target: Side) throws(StorageError) {
    switch (source.place, target.place) {
    case (.user, _), (.year, _), (.month, _), (_, .user), (_, .year), (_, .month):
      guard source.place == target.place else {
        throw .notHere(
          target.name.description, rule: "user, year and month folders are renamed within their level only")
      }
    case (.session, _), (_, .session):
      throw .notHere(target.name.description, rule: "a session keeps its name; make a new one with mkdir")
    case (.chunk, _), (.sessionWork, _), (_, .chunk), (_, .sessionWork), (_, .marker):
      guard source.folder.id == target.folder.id else {
        throw .crossesPlaces(rule: "files of a session are renamed within the session only; copy this one")
      }
      if target.place == .marker, source.place != .sessionWork {
        throw .notHere(target.name.description, rule: "a chunk is not a marker; write .complete as a file of its own")
      }
      guard target.place == .chunk || source.place == .chunk, let session = sessionIfAny(target.folder) else { return }
      try session.checkReceiving()
    case (.workspaceEntry, .image), (.workspaceEntry, .work):
      guard stat.isRegularFile else {
        throw .notHere(target.name.description, rule: "a month folder holds regular files only")
      }
      guard stat.st_nlink == 1 else {
        throw .crossesPlaces(rule: "the file has several names, an image has one; copy it")
      }
    default: break
    }
  }

  // MARK: Files

  private func renameFile(_ source: Side, _ target: Side) throws {
    guard let found = source.found else { throw Errno.noSuchFileOrDirectory }
    if target.found?.stat.isFolder ?? false { throw Errno.isDirectory }
    // Two names of one file: rename(2) does nothing.
    if let other = target.found?.stat, FileIdentity(other) == FileIdentity(found.stat) { return }
    let session = target.place == .chunk ? sessionIfAny(target.folder) : nil
    let isSameIndex = (try? ChunkIndex(source.name)) == (try? ChunkIndex(target.name))
    if source.place == .chunk, !isSameIndex { sessionIfAny(source.folder)?.removed(source.name) }
    if let session, !(source.place == .chunk && isSameIndex) {
      try session.opened(target.name)
      session.closed(target.name, wasClosing: false)
    }
    if let session, let replaced = target.found, !replaced.location.isStaged {
      try storage.vacate(target.name, in: target.folder.descriptor.raw, of: session)
    }
    try move(source, found, target)
    if source.place == .chunk { sessionIfAny(source.folder)?.removed(source.name) }
    let size = handles.inode(FileIdentity(found.stat)).map { $0.booking.withLock { $0.size } }
    guard let session else { return }
    session.saved(
      target.name, size: size ?? Int64(found.stat.st_size),
      place: storage.place(ofChunk: target.name, in: target.folder.descriptor.raw))
  }

  /// Gives a file its new name, and what was there before goes. Within the gate, with both folders' locks.
  private func move(_ source: Side, _ found: (location: Location, stat: stat), _ target: Side) throws {
    let identity = FileIdentity(found.stat)
    let before = (
      account: account(of: source.place, in: source.folder.id),
      folder: found.location.isStaged ? nil : Optional(source.folder.node.identity)
    )
    // Asked before its booking is taken.
    let isBeingWritten = isStillBeingWritten(source, found.stat)
    let kept = try target.found.map {
      (stat: $0.stat, kept: try keepReachable(FileIdentity($0.stat), $0.location.name, in: $0.location.folder.raw))
    }
    do {
      if let replaced = target.found, target.place.isWorkName || replaced.location.isStaged {
        // It has no name in the storage root that a rename could replace.
        try remove(target.name, in: target.folder, target.place, replaced)
      }
      let inTheWay = target.found.flatMap {
        target.place.isWorkName || $0.location.isStaged ? nil : FileIdentity($0.stat)
      }
      try storage.sizes.holding(identity, and: inTheWay) {
        let stat = try Sys.stat(found.location.name, in: found.location.folder)
        let replaced = try inTheWay.map { _ in try Sys.stat(target.name, in: target.folder.descriptor) }
        try moving(stat, from: before) { [self] in
          let staged = storage.pending.staged(target.name, in: target.folder.node.identity) != nil
          return (account(of: target.place, in: target.folder.id), staged ? nil : target.folder.node.identity)
        } _: {
          try relocate(source, found, target, isBeingWritten, replacing: replaced)
        }
      }
    } catch {
      kept?.kept.undo()
      throw error
    }
    nodes.renamed(
      identity, from: (source.folder.id, source.name),
      to: Node(place: target.place, parent: target.folder.id, name: target.name, identity: identity))
  }

  /// The system calls of a rename: between names, from staged to named, or the other way.
  private func relocate(
    _ source: Side, _ found: (location: Location, stat: stat), _ target: Side, _ isBeingWritten: Bool,
    replacing inTheWay: stat?
  ) throws {
    let staging = try storage.staging
    let (from, to) = (source.folder.node.identity, target.folder.node.identity)
    let path = path(of: target.folder.id, target.name)
    if found.location.isStaged, target.place.isStaged,
      target.place.isWorkName || (target.found == nil && isBeingWritten)
    {
      // It stays staged, under another name in the mount.
      let file = try Sys.openPath(found.location.name, in: found.location.folder)
      Staging.setOrigin(path, of: file.raw)
      storage.pending.remove(source.name, in: from)
      storage.pending.add(target.name, in: to, staged: found.location.name)
      return
    }
    if target.place.isWorkName {
      let staged = staging.nextName()
      let file = try Sys.openPath(found.location.name, in: found.location.folder)
      try staging.forget(FileIdentity(found.stat))
      Staging.setOrigin(path, of: file.raw)
      try Sys.rename(source.name, in: found.location.folder, to: staged, in: staging.folder)
      storage.pending.add(target.name, in: to, staged: staged)
      return
    }
    if found.location.isStaged, !target.place.isStaged {
      // The workspace takes files that are not whole, too.
      let file = try Sys.openPath(found.location.name, in: found.location.folder)
      Staging.removeOrigin(of: file)
      try Sys.rename(found.location.name, in: found.location.folder, to: target.name, in: target.folder.descriptor)
      storage.pending.remove(source.name, in: from)
    } else if found.location.isStaged {
      let file = try Sys.open(found.location.name, in: found.location.folder, O_RDONLY)
      try staging.publish(
        found.location.name, file.raw, origin: path, as: target.name, in: target.folder.descriptor.raw,
        flags: inTheWay == nil ? Staging.noReplace : 0)
      storage.pending.remove(source.name, in: from)
    } else {
      if source.place == .workspaceEntry, target.place != .workspaceEntry {
        // It becomes an image now: its bytes are on disk before its name is.
        let file = try Sys.open(source.name, in: source.folder.descriptor, O_RDONLY)
        try Sys.synchronizeData(file)
      } else if target.place == .workspaceEntry {
        // Its record would be a second name, which files of the workspace may have and images do not.
        try staging.forget(FileIdentity(found.stat))
      }
      try Sys.rename(
        source.name, in: source.folder.descriptor.raw, to: target.name, in: target.folder.descriptor.raw)
    }
    if let inTheWay {
      let account = account(of: target.place, in: target.folder.id)
      if try storage.removed(inTheWay, from: account, in: to) {
        nodes.unlinked(FileIdentity(inTheWay))
      } else {
        nodes.lostName(FileIdentity(inTheWay), target.name, in: target.folder.id)
      }
    }
  }

  /// A new image that has not been closed yet; renamed to another name it is still that.
  private func isStillBeingWritten(_ source: Side, _ stat: stat) -> Bool {
    guard !source.place.isWorkName else { return false }
    return handles.inode(FileIdentity(stat))?.booking.withLock { $0.writers > 0 } ?? false
  }

  // MARK: Folders

  /// Within the gate, alone.
  private func renameFolder(_ source: Side, _ target: Side) throws {
    guard let found = source.found else { throw Errno.noSuchFileOrDirectory }
    if let replaced = target.found?.stat {
      guard replaced.isFolder else { throw Errno.notDirectory }
      guard storage.pending.isEmpty(FileIdentity(replaced)) else { throw Errno.directoryNotEmpty }
    }
    let kept = try target.found.map {
      try keepReachable(FileIdentity($0.stat), target.name, in: $0.location.folder.raw)
    }
    let moved = try tallyToMove(source, target)
    do throws(Errno) {
      try Sys.rename(
        source.name, in: source.folder.descriptor.raw, to: target.name, in: target.folder.descriptor.raw)
    } catch {
      kept?.undo()
      throw error
    }
    if let replaced = target.found?.stat { nodes.unlinked(FileIdentity(replaced)) }
    let identity = FileIdentity(found.stat)
    nodes.renamed(
      identity, from: (source.folder.id, source.name),
      to: Node(place: target.place, parent: target.folder.id, name: target.name, identity: identity))
    storage.ledger.folderMoved()
    if let moved { storage.ledger.move(moved.tally, from: moved.from, to: moved.to, in: moved.area) }
    if case .user(let area) = target.place {
      if target.found != nil { storage.ledger.userFolderVanished(target.name, from: area) }
      storage.ledger.userFolderRenamed(source.name, to: target.name, in: area)
    }
  }

  /// What a year or month takes with it to another user.
  private func tallyToMove(
    _ source: Side, _ target: Side
  ) throws -> (tally: Tally, from: FileName, to: FileName, area: Area)? {
    guard let from = user(of: source.folder), let to = user(of: target.folder), from.name != to.name else { return nil }
    return (
      try storage.tally(below: source.name, in: source.folder.descriptor.raw), from.name, to.name, from.area
    )
  }

  /// The user to whom a user's or year's folder belongs.
  private func user(of folder: Folder) -> (name: FileName, area: Area)? {
    switch folder.node.place {
    case .user(let area): (folder.node.name, area)
    case .year(let area): nodes[folder.node.parent].map { ($0.name, area) }
    case .root, .rootStats, .rootErrors, .area, .month, .image, .work, .userStats, .temp, .uploads, .session, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
      nil
    }
  }
}
