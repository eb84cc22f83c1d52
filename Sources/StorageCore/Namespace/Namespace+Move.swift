internal import Glibc
internal import SystemPackage

/// How a file gets another name, whether it has one in the storage root, is to have one, or waits for it.
extension Namespace {
  /// Gives a file another name. What has the name loses it, and goes last: where the move is refused, all is as it was.
  ///
  /// The caller is within the gate, with both folders' locks.
  package func move(_ source: Entry, _ target: Entry) throws {
    guard let found = source.found else { throw Errno.noSuchFileOrDirectory }
    if target.found?.stat.isFolder ?? false { throw Errno.isDirectory }
    // Two names of one file: rename(2) does nothing.
    if target.found?.identity == found.identity { return }
    guard target.place == .chunk || source.place == .chunk, let session = target.folder.session else {
      return try move(source, found, target, as: nil)
    }
    try session.changing { try moveInSession(session, source, found, target) }
  }

  /// A move that takes or gives a chunk's name.
  private func moveInSession(_ session: UploadSession, _ source: Entry, _ found: Found, _ target: Entry) throws {
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
    session.saved(
      target.name, size: storage.openFiles?.bookedSize(found.identity) ?? Int64(found.stat.st_size),
      place: storage.place(ofChunk: target.name, in: target.folder.descriptor.raw))
  }

  /// Has a chunk that has lost its name give its place back. That is done, whatever comes of this: what cannot be freed
  /// now is freed with the session, or by the next start.
  package func vacate(_ occupant: PlaceOccupant?, of name: FileName, in folder: Folder) {
    guard let occupant else { return }
    do throws(Errno) {
      // Somebody may have opened it after it was looked at.
      try occupant.vacate(isOpen: occupant.isOpen || storage.openFiles?.isOpen(occupant.file) ?? false)
    } catch {
      storage.refusals.add(
        operation: "unlink", path: folder.path(of: name), errno: error,
        advice: "is gone, but what it occupied could not be freed; it is freed with its session")
    }
  }

  /// - Parameter chunk: what whoever writes to the file writes from now on.
  private func move(
    _ source: Entry, _ found: Found, _ target: Entry, as chunk: (session: UploadSession, name: FileName)?
  ) throws {
    let identity = found.identity
    let before = (source.account, found.location.isStaged ? nil : Optional(source.folder.identity))
    let inTheWay = try target.found.map { SharedDescriptor(try Sys.openPath($0.location.name, in: $0.location.folder)) }
    try storage.sizes.holding(identity, and: try inTheWay.map { FileIdentity(try Sys.stat($0)) }) {
      let now = Found(location: found.location, stat: try Sys.stat(found.location.name, in: found.location.folder))
      let replaced = try inTheWay.map { (stat: try Sys.stat($0), held: $0) }
      let replacesOnDisk = target.found.map { !$0.location.isStaged } ?? false
      // With its lock: a release under way gives it the name, or has seen that it has one.
      let staysStaged = staysStaged(source, found, target)
      try counting(now, from: before) {
        (target.account, staysStaged ? nil : target.folder.identity)
      } _: {
        if staysStaged {
          try relocateToStaging(source, found, target, replaces: replacesOnDisk)
        } else {
          try relocate(source, found, target, replaces: replacesOnDisk)
          storage.pending.remove(target.name, in: target.folder.identity)
        }
        storage.openFiles?.renamed(identity, from: source, to: target)
        storage.openFiles?.retarget(identity, to: chunk)
      }
      if case .image = target.place { storage.digests.want(identity, at: target.names) }
      guard let replaced, let old = target.found?.location else { return }
      if old.isStaged {
        storage.dropDisplaced(by: old.name)
        return try storage.removedPending(old.name, replaced.stat, replaced.held, from: target.account, by: .replaced)
      }
      // One that was displaced has lost its record, too.
      let gone = staysStaged ? try Sys.stat(replaced.held) : replaced.stat
      let isGone = try storage.removed(
        gone, replaced.held, from: target.account, in: target.folder.identity, by: .replaced)
      if !isGone {
        storage.openFiles?.lostName(FileIdentity(replaced.stat), target.name, in: target.folder.identity)
      }
    }
  }

  /// Whether the file has its new name in the mount only: it is a tool's temporary one, or the file is not whole.
  private func staysStaged(_ source: Entry, _ found: Found, _ target: Entry) -> Bool {
    switch target.place {
    case .work, .sessionWork: true
    // One that was published before, by fsync, is only given another name.
    // So is one that somebody was told is on disk.
    case .image:
      (found.location.isStaged || source.place == .workspaceEntry) && isBeingWritten(found) && !isSynchronized(found)
    case .chunk: source.place == .chunk && found.location.isStaged && target.found == nil && isBeingWritten(found)
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .userStats, .temp, .uploads, .session, .marker,
      .sessionStats, .workspace, .workspaceEntry:
      false
    }
  }

  /// The file is staged afterwards, on its way to the new name.
  ///
  /// - Parameter replaces: a file that has the name in the storage root, and is to lose it.
  private func relocateToStaging(_ source: Entry, _ found: Found, _ target: Entry, replaces: Bool) throws {
    let staging = try storage.staging
    let file = try Sys.openPath(found.location.name, in: found.location.folder)
    var staged = found.location.name
    if found.location.isStaged {
      Staging.setOrigin(target.origin, of: file.raw)
    } else {
      try staging.forget(found.identity)
      staged = staging.nextName()
      Staging.setOrigin(target.origin, of: file.raw)
      try Sys.rename(source.name, in: found.location.folder, to: staged, in: staging.folder)
    }
    let inherited = target.found.flatMap {
      $0.location.isStaged ? storage.pending.takeDisplaced(by: $0.location.name) : nil
    }
    // Before what is replaced loses the name: whoever asks for the name meanwhile finds one or the other.
    let replaced = storage.pending.staged(target.name, in: target.folder.identity)
    storage.pending.add(target.name, in: target.folder.identity, staged: staged)
    var displaced = inherited
    if replaces {
      do throws(Errno) {
        try settleReplaced(target)
        displaced = try storage.displace(target.name, in: target.folder.descriptor, target.origin)
      } catch {
        storage.pending.remove(target.name, in: target.folder.identity)
        if let replaced { storage.pending.add(target.name, in: target.folder.identity, staged: replaced) }
        if found.location.isStaged {
          Staging.setOrigin(source.origin, of: file.raw)
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
      storage.pending.remove(source.name, in: source.folder.identity)
      if wasSynchronized { storage.pending.noteSynchronized(staged) }
      // Its old name is nobody's.
      storage.dropDisplaced(by: staged)
    }
    storage.pending.keep(displaced, for: staged)
  }

  /// What is to be replaced may be put back: its bytes are on disk before that, and its record goes. The caller holds the
  /// file's lock.
  private func settleReplaced(_ target: Entry) throws(Errno) {
    guard let found = target.found, let staging = try? storage.staging, staging.isOnRecord(found.identity) else {
      return
    }
    let file = SharedDescriptor(try Sys.open(target.name, in: target.folder.descriptor, O_RDONLY))
    try Sys.synchronizeData(file)
    try staging.forget(found.identity, file.raw)
  }

  /// The file has its new name in the storage root afterwards.
  private func relocate(_ source: Entry, _ found: Found, _ target: Entry, replaces: Bool) throws {
    let staging = try storage.staging
    let folder = target.folder.descriptor
    guard found.location.isStaged else {
      if target.place == .workspaceEntry {
        // Its record would be a second name, which files of the workspace may have and images do not.
        try staging.forget(found.identity)
      } else if source.place == .workspaceEntry {
        // It becomes an image now: its bytes are on disk before its name is.
        try Sys.synchronizeData(try Sys.open(source.name, in: source.folder.descriptor, O_RDONLY))
      } else if replaces, staging.isOnRecord(found.identity) {
        // What it replaces may be durable, and after a power cut one of the two has to be there whole.
        try Sys.synchronizeData(try Sys.open(source.name, in: source.folder.descriptor, O_RDONLY))
        try staging.forget(found.identity)
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
        found.location.name, file.raw, origin: target.origin, as: target.name, in: folder.raw,
        flags: replaces ? 0 : Staging.noReplace,
        // Whoever has it open writes to what is on disk already; and so it is with what a file in between replaced.
        durably: isSynchronized(found)
          || target.found.map { storage.pending.replacesAnother($0.location.name) } ?? false)
    }
    storage.pending.remove(source.name, in: source.folder.identity)
    storage.dropDisplaced(by: found.location.name)
  }
}
