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
        if source.found == nil, try wasRenamed(newName, in: newFolder, by: caller.request) { throw RenamedBefore() }
        guard let stat = source.found?.stat else { throw Errno.noSuchFileOrDirectory }
        let target = try target(newName, in: newFolder, of: stat)
        try checkPlaces(source, stat, target)
        if target.found != nil, flags == lx_RENAME_NOREPLACE { throw Errno.fileExists }
        return (source, target, stat)
      }
      if renames.wasDone(caller.request) { return }
      let first: (source: Side, target: Side, stat: stat)
      do { first = try sides() } catch is RenamedBefore { return }
      if first.target.place == .marker {
        guard flags != lx_RENAME_EXCHANGE else { throw Errno.invalidArgument }
        if flags == lx_RENAME_NOREPLACE, let present = try markerEntry(in: newFolder)?.node {
          forget(present, count: 1)
          throw Errno.fileExists
        }
        return try completeByRename(first.source, first.target, caller)
      }
      if folder.id == newFolder.id, name == newName { return }
      if first.source.place == .workspaceEntry, case .image = first.target.place, first.stat.isRegularFile {
        askWriters(of: name, first.stat)
        // Most of the wait for the disk, before the locks.
        try Sys.synchronizeData(try Sys.open(name, in: folder.descriptor, O_RDONLY | O_NONBLOCK))
      }
      // Looked up again under the locks: a close may be publishing either of them.
      if flags == lx_RENAME_EXCHANGE || first.stat.isFolder {
        // Alone: the counter and those who book by folder see it before or after, not half way.
        try storage.gate.still {
          let (source, target, _) = try sides()
          try recording(caller.request, source, target, exchanging: flags == lx_RENAME_EXCHANGE) {
            if flags == lx_RENAME_EXCHANGE { try exchange(source, target) } else { try renameFolder(source, target) }
          }
        }
      } else {
        try storage.gate.changing {
          try storage.names.holding(folder.node.identity, and: newFolder.node.identity) {
            let (source, target, _) = try sides()
            try recording(caller.request, source, target, exchanging: false) { try renameFile(source, target) }
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
  func checkPlaces(_ source: Side, _ stat: stat, _ target: Side) throws(StorageError) {
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
    guard target.place == .chunk || source.place == .chunk, let session = sessionIfAny(target.folder) else {
      return try move(source, found, target)
    }
    try session.changing { try renameInSession(session, source, found, target) }
  }

  /// A rename that takes or gives a chunk's name.
  private func renameInSession(
    _ session: UploadSession, _ source: Side, _ found: (location: Location, stat: stat), _ target: Side
  ) throws {
    if target.place == .chunk {
      try session.checkRenaming(source.place == .chunk ? source.name : nil, to: target.name)
    }
    var replaced: PlaceOccupant?
    if target.place == .chunk, let there = target.found?.location {
      replaced = try storage.occupant(there.name, in: there.folder.raw, of: session)
    }
    if source.place == .chunk, target.place != .chunk {
      // A work name has no place: what is there may be a chunk's the next moment.
      try storage.occupant(found.location.name, in: found.location.folder.raw, of: session)?.file.bringHome()
    }
    try move(source, found, target, as: target.place == .chunk ? (session, target.name) : nil)
    vacate(replaced, of: target.name, in: target.folder)
    if source.place == .chunk { session.removed(source.name) }
    guard target.place == .chunk else { return }
    let size = handles.inode(FileIdentity(found.stat)).map { $0.booking.withLock { $0.size } }
    session.saved(
      target.name, size: size ?? Int64(found.stat.st_size),
      place: storage.place(ofChunk: target.name, in: target.folder.descriptor.raw))
  }

  /// Whoever writes to a file goes on, as a writer of another chunk or of none. Until it is closed, no completion of its
  /// session begins.
  func retarget(_ inode: OpenInode, to chunk: (session: UploadSession, name: FileName)?) {
    for file in inode.booking.withLock({ Array($0.handles.values) }) where file.isWriter {
      let (before, isClosing) = file.state.withLock { state in
        let before = state.chunk
        // It may have been opened by its new name already.
        if let chunk, before?.session === chunk.session, before?.name == chunk.name { return (before, nil as Bool?) }
        state.chunk = chunk
        return (before, state.isClosing)
      }
      guard let isClosing else { continue }
      if let chunk { chunk.session.adopted(chunk.name, isClosing: isClosing) }
      if let before { before.session.closed(before.name, wasClosing: isClosing) }
    }
  }

  /// Gives a file its new name, and what was there before goes. Within the gate, with both folders' locks.
  ///
  /// - Parameter chunk: what whoever writes to it writes from now on.
  private func move(
    _ source: Side, _ found: (location: Location, stat: stat), _ target: Side,
    as chunk: (session: UploadSession, name: FileName)? = nil
  ) throws {
    let identity = FileIdentity(found.stat)
    let before = (
      account: account(of: source.place, in: source.folder.id),
      folder: found.location.isStaged ? nil : Optional(source.folder.node.identity)
    )
    let inTheWay = try target.found.map { SharedDescriptor(try Sys.openPath($0.location.name, in: $0.location.folder)) }
    try storage.sizes.holding(identity, and: try inTheWay.map { FileIdentity(try Sys.stat($0)) }) {
      let stat = try Sys.stat(found.location.name, in: found.location.folder)
      let replaced = try inTheWay.map { (stat: try Sys.stat($0), held: $0) }
      let old = target.found?.location
      let replacesOnDisk = old.map { !$0.isStaged } ?? false
      // With its lock: a release under way gives it the name, or has seen that it has one.
      let staysStaged = staysStaged(source, found, target)
      try moving(stat, from: before) { [self] in
        (account(of: target.place, in: target.folder.id), staysStaged ? nil : target.folder.node.identity)
      } _: {
        // What is in the way goes last: where the rename is refused, it is as it was.
        if staysStaged {
          try relocateToStaging(source, found, target, replaces: replacesOnDisk)
        } else {
          try relocate(source, found, target, replaces: replacesOnDisk)
          storage.pending.remove(target.name, in: target.folder.node.identity)
        }
        nodes.renamed(
          identity, from: (source.folder.id, source.name),
          to: Node(place: target.place, parent: target.folder.id, name: target.name, identity: identity))
        if let inode = handles.inode(identity) { retarget(inode, to: chunk) }
      }
      wantDigest(identity, at: target.place, target.name, in: target.folder.id)
      guard let replaced, let old else { return }
      let counted = account(of: target.place, in: target.folder.id)
      if old.isStaged {
        return try storage.removedPending(old.name, replaced.stat, replaced.held, from: counted, by: .replaced)
      }
      let isGone = try storage.removed(
        replaced.stat, replaced.held, from: counted, in: target.folder.node.identity, by: .replaced)
      if !isGone {
        nodes.lostName(FileIdentity(replaced.stat), target.name, in: target.folder.id)
      }
    }
  }

  /// Whether the file has its new name in the mount only: it is a tool's temporary one, or the file is not whole.
  private func staysStaged(_ source: Side, _ found: (location: Location, stat: stat), _ target: Side) -> Bool {
    switch target.place {
    case .work, .sessionWork: true
    // One that was published before, by fsync, is only given another name.
    case .image: (found.location.isStaged || source.place == .workspaceEntry) && isBeingWritten(found.stat)
    case .chunk: source.place == .chunk && found.location.isStaged && target.found == nil && isBeingWritten(found.stat)
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .userStats, .temp, .uploads, .session, .marker,
      .sessionStats, .workspace, .workspaceEntry:
      false
    }
  }

  /// Whether somebody has it open for writing whose close has not been seen.
  func isBeingWritten(_ stat: stat) -> Bool {
    guard let inode = handles.inode(FileIdentity(stat)) else { return false }
    return inode.booking.withLock { booking in
      booking.handles.values.contains { file in
        file.isWriter && !file.state.withLock { $0.isClosing || $0.isReleasing }
      }
    }
  }

  /// A file of the workspace is about to become an image. Whether who has it open is done with it was not asked at its
  /// close, and its release may be on the way.
  private func askWriters(of name: FileName, _ stat: stat) {
    guard let inode = handles.inode(FileIdentity(stat)) else { return }
    let holders = DescriptorHolders(name: name, inode: inode.identity.inode)
    for file in inode.booking.withLock({ Array($0.handles.values) })
    where file.isWriter && holders.ofNewFile(closing: file.opener, opener: file.opener, processes) == .none {
      setClosing(file, true)
    }
  }

  /// The file is staged afterwards, on its way to the new name.
  ///
  /// - Parameter replaces: a file that has the name in the storage root, and is to lose it.
  private func relocateToStaging(
    _ source: Side, _ found: (location: Location, stat: stat), _ target: Side, replaces: Bool
  ) throws {
    let staging = try storage.staging
    let file = try Sys.openPath(found.location.name, in: found.location.folder)
    var staged = found.location.name
    if !found.location.isStaged {
      try staging.forget(FileIdentity(found.stat))
      staged = staging.nextName()
      Staging.setOrigin(path(of: target.folder.id, target.name), of: file.raw)
      try Sys.rename(source.name, in: found.location.folder, to: staged, in: staging.folder)
    }
    if replaces {
      do throws(Errno) {
        try Sys.unlink(target.name, in: target.folder.descriptor)
      } catch {
        if !found.location.isStaged {
          // Where that fails, too, the next start finds it.
          try? Sys.rename(staged, in: staging.folder, to: source.name, in: found.location.folder)
          Staging.removeOrigin(of: file)
        }
        throw error
      }
    }
    if found.location.isStaged {
      Staging.setOrigin(path(of: target.folder.id, target.name), of: file.raw)
      storage.pending.remove(source.name, in: source.folder.node.identity)
    }
    storage.pending.add(target.name, in: target.folder.node.identity, staged: staged)
  }

  /// The file has its new name in the storage root afterwards.
  private func relocate(
    _ source: Side, _ found: (location: Location, stat: stat), _ target: Side, replaces: Bool
  ) throws {
    let staging = try storage.staging
    let folder = target.folder.descriptor
    guard found.location.isStaged else {
      if target.place == .workspaceEntry {
        // Its record would be a second name, which files of the workspace may have and images do not.
        try staging.forget(FileIdentity(found.stat))
      } else if source.place == .workspaceEntry {
        // It becomes an image now: its bytes are on disk before its name is.
        try Sys.synchronizeData(try Sys.open(source.name, in: source.folder.descriptor, O_RDONLY))
      } else if replaces, staging.isOnRecord(FileIdentity(found.stat)) {
        // What it replaces may be durable, and after a power cut one of the two has to be there whole.
        try Sys.synchronizeData(try Sys.open(source.name, in: source.folder.descriptor, O_RDONLY))
        try staging.forget(FileIdentity(found.stat))
      }
      return try Sys.rename(source.name, in: source.folder.descriptor, to: target.name, in: folder)
    }
    if target.place == .workspaceEntry {
      // The workspace takes files that are not whole, too.
      let file = try Sys.openPath(found.location.name, in: found.location.folder)
      try Sys.rename(found.location.name, in: found.location.folder, to: target.name, in: folder)
      Staging.removeOrigin(of: file)
      storage.pending.forgetFailure(found.location.name, file)
    } else {
      try checkWhole(found)
      let file = try Sys.open(found.location.name, in: found.location.folder, O_RDONLY)
      try staging.publish(
        found.location.name, file.raw, origin: path(of: target.folder.id, target.name), as: target.name,
        in: folder.raw, flags: replaces ? 0 : Staging.noReplace)
    }
    storage.pending.remove(source.name, in: source.folder.node.identity)
  }

  /// Refuses a staged file of which a write failed: it would be half a file under a final name.
  func checkWhole(_ found: (location: Location, stat: stat)) throws(StorageError) {
    guard found.location.isStaged else { return }
    let open = handles.inode(FileIdentity(found.stat))?.booking.withLock { $0.failure }
    guard let failure = open ?? storage.pending.failure(found.location.name) else { return }
    throw .notWhole(failure)
  }

  // MARK: Folders

  /// Within the gate, alone.
  private func renameFolder(_ source: Side, _ target: Side) throws {
    guard let found = source.found else { throw Errno.noSuchFileOrDirectory }
    if let replaced = target.found?.stat {
      guard replaced.isFolder else { throw Errno.notDirectory }
      guard storage.pending.isEmpty(FileIdentity(replaced)) else { throw Errno.directoryNotEmpty }
    }
    let moved = try tallyToMove(source, target)
    let paths = (path(of: source.folder.id, source.name), path(of: target.folder.id, target.name))
    func change() throws(Errno) {
      try Sys.rename(source.name, in: source.folder.descriptor, to: target.name, in: target.folder.descriptor)
    }
    if let replaced = target.found?.stat {
      try removing(FileIdentity(replaced), target.name, in: target.folder.descriptor.raw, by: change)
    } else {
      try change()
    }
    let identity = FileIdentity(found.stat)
    nodes.renamed(
      identity, from: (source.folder.id, source.name),
      to: Node(place: target.place, parent: target.folder.id, name: target.name, identity: identity))
    storage.pending.foldersMoved([paths], in: try storage.staging.folder)
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
