internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// How a file gets its new name, whether it has one in the storage root, is to have one, or waits for it.
extension MountTree {
  func renameFile(_ source: Side, _ target: Side) throws {
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
        storage.dropDisplaced(by: old.name)
        return try storage.removedPending(old.name, replaced.stat, replaced.held, from: counted, by: .replaced)
      }
      // One that was displaced has lost its record, too.
      let before = staysStaged ? try Sys.stat(replaced.held) : replaced.stat
      let isGone = try storage.removed(
        before, replaced.held, from: counted, in: target.folder.node.identity, by: .replaced)
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
    // So is one that somebody was told is on disk.
    case .image:
      (found.location.isStaged || source.place == .workspaceEntry) && isBeingWritten(found.stat)
        && !isSynchronized(found)
    case .chunk: source.place == .chunk && found.location.isStaged && target.found == nil && isBeingWritten(found.stat)
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .userStats, .temp, .uploads, .session, .marker,
      .sessionStats, .workspace, .workspaceEntry:
      false
    }
  }

  func isSynchronized(_ found: (location: Location, stat: stat)) -> Bool {
    if found.location.isStaged, storage.pending.isSynchronized(found.location.name) { return true }
    return handles.inode(FileIdentity(found.stat))?.booking.withLock { $0.isSynchronized } ?? false
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
  func askWriters(of name: FileName, _ stat: stat) {
    guard let inode = handles.inode(FileIdentity(stat)) else { return }
    let holders = DescriptorHolders(name: name, inode: inode.identity.inode)
    for file in inode.booking.withLock({ Array($0.handles.values) })
    where file.isWriter && holders.afterClose(opener: file.opener, processes) == .none {
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
    let (folder, newFolder) = (source.folder.node.identity, target.folder.node.identity)
    let file = try Sys.openPath(found.location.name, in: found.location.folder)
    var staged = found.location.name
    if found.location.isStaged {
      Staging.setOrigin(origin(target), of: file.raw)
    } else {
      try staging.forget(FileIdentity(found.stat))
      staged = staging.nextName()
      Staging.setOrigin(origin(target), of: file.raw)
      try Sys.rename(source.name, in: found.location.folder, to: staged, in: staging.folder)
    }
    let inherited = target.found.flatMap {
      $0.location.isStaged ? storage.pending.takeDisplaced(by: $0.location.name) : nil
    }
    // Before what is replaced loses the name: whoever asks for the name meanwhile finds one or the other.
    let replaced = storage.pending.staged(target.name, in: newFolder)
    storage.pending.add(target.name, in: newFolder, staged: staged)
    var displaced = inherited
    if replaces {
      do throws(Errno) {
        try settleReplaced(target)
        displaced = try storage.displace(target.name, in: target.folder.descriptor, origin(target))
      } catch {
        storage.pending.remove(target.name, in: newFolder)
        if let replaced { storage.pending.add(target.name, in: newFolder, staged: replaced) }
        if found.location.isStaged {
          Staging.setOrigin(origin(source), of: file.raw)
        } else {
          // Where that fails, too, the next start finds it.
          try? Sys.rename(staged, in: staging.folder, to: source.name, in: found.location.folder)
          Staging.removeOrigin(of: file)
        }
        throw error
      }
    }
    if found.location.isStaged {
      let wasSynchronized = storage.pending.isSynchronized(staged)
      storage.pending.remove(source.name, in: folder)
      if wasSynchronized { storage.pending.noteSynchronized(staged) }
      // Its old name is nobody's.
      storage.dropDisplaced(by: staged)
    }
    storage.pending.keep(displaced, for: staged)
  }

  /// What is to be replaced may be put back: its bytes are on disk before that, and its record goes. The caller holds the
  /// file's lock.
  private func settleReplaced(_ target: Side) throws(Errno) {
    guard let stat = target.found?.stat, let staging = try? storage.staging, staging.isOnRecord(FileIdentity(stat))
    else {
      return
    }
    let file = SharedDescriptor(try Sys.open(target.name, in: target.folder.descriptor, O_RDONLY))
    try Sys.synchronizeData(file)
    try staging.forget(FileIdentity(stat), file.raw)
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
        found.location.name, file.raw, origin: origin(target), as: target.name,
        in: folder.raw, flags: replaces ? 0 : Staging.noReplace,
        // Whoever has it open writes to what is on disk already; and so it is with what a file in between replaced.
        durably: isSynchronized(found)
          || target.found.map { storage.pending.replacesAnother($0.location.name) } ?? false)
    }
    storage.pending.remove(source.name, in: source.folder.node.identity)
    storage.dropDisplaced(by: found.location.name)
  }

  /// Refuses a staged file of which a write failed: it would be half a file under a final name.
  func checkWhole(_ found: (location: Location, stat: stat)) throws(StorageError) {
    guard found.location.isStaged else { return }
    let open = handles.inode(FileIdentity(found.stat))?.booking.withLock { $0.failure }
    guard let failure = open ?? storage.pending.failure(found.location.name) else { return }
    throw .notWhole(failure)
  }
}
