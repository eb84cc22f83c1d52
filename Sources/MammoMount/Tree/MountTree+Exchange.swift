internal import CLinux
internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// `RENAME_EXCHANGE`, and the rename that completes an upload.
extension MountTree {
  /// Within the gate, alone.
  func exchange(_ source: Side, _ target: Side) throws {
    guard let a = source.found, let b = target.found else { throw Errno.noSuchFileOrDirectory }
    try checkPlaces(target, b.stat, source)
    guard a.stat.isFolder == b.stat.isFolder || source.place == .workspaceEntry && target.place == .workspaceEntry
    else {
      throw StorageError.notHere(target.name.description, rule: "a folder and a file cannot change places here")
    }
    if target.place != .workspaceEntry || source.place != .workspaceEntry {
      guard a.stat.isFolder || (a.stat.isRegularFile && b.stat.isRegularFile) else {
        throw StorageError.notHere(target.name.description, rule: "a month folder holds regular files only")
      }
    }
    for (side, other) in [(a, target), (b, source)] where other.place != .workspaceEntry { try checkWhole(side) }
    guard source.place == .chunk || target.place == .chunk else { return try exchange(source, a, target, b, in: nil) }
    guard source.place == target.place, let session = sessionIfAny(source.folder) else {
      throw StorageError.notHere(target.name.description, rule: "a chunk changes places with another chunk only")
    }
    try session.changing {
      if a.location.isStaged || b.location.isStaged {
        // Where the server ends while one of them is in neither place, only a file that is open keeps its part of the
        // data file.
        for side in [a, b] where !side.location.isStaged {
          try storage.occupant(side.location.name, in: side.location.folder.raw, of: session)?.file.bringHome()
        }
      }
      try exchange(source, a, target, b, in: session)
    }
  }

  private func exchange(
    _ source: Side, _ a: (location: Location, stat: stat), _ target: Side, _ b: (location: Location, stat: stat),
    in session: UploadSession?
  ) throws {
    let isStaged = a.location.isStaged || b.location.isStaged
    guard isStaged || storage.abilities.exchangesNames else {
      throw StorageError.cannotExchange(target.name.description)
    }
    for side in [a, b] where side.stat.isRegularFile && !side.location.isStaged {
      // Either may get an image's name now.
      try settle(side.location)
      try storage.sizes.holding(FileIdentity(side.stat)) { try storage.staging.forget(FileIdentity(side.stat)) }
    }
    try storage.sizes.holding(FileIdentity(a.stat), and: FileIdentity(b.stat)) {
      let moved = try movement(source, a, target)
      let back = try movement(target, b, source)
      if isStaged {
        try exchangeStaged(source, a, target, b)
      } else {
        try Sys.rename(
          a.location.name, in: a.location.folder.raw, to: b.location.name, in: b.location.folder.raw,
          flags: lx_RENAME_EXCHANGE)
      }
      if a.stat.isFolder || b.stat.isFolder { storage.ledger.folderMoved() }
      moved()
      back()
      renamed(a.stat, source, target)
      renamed(b.stat, target, source)
      guard let session else { return }
      for (side, stat) in [(source, b.stat), (target, a.stat)] {
        let inode = handles.inode(FileIdentity(stat))
        if let inode { retarget(inode, to: (session, side.name)) }
        let size = inode.map { $0.booking.withLock { $0.size } }
        session.saved(
          side.name, size: size ?? Int64(stat.st_size),
          place: storage.place(ofChunk: side.name, in: side.folder.descriptor.raw))
      }
    }
  }

  /// Where one has no name in the storage root that could be exchanged: both are staged for a moment, and whichever may
  /// have its new name there gets it. Whatever is cut off in between is found in the workspace.
  private func exchangeStaged(
    _ source: Side, _ a: (location: Location, stat: stat), _ target: Side, _ b: (location: Location, stat: stat)
  ) throws {
    var moved: [(staged: FileName, found: (location: Location, stat: stat), from: Side, to: Side)] = []
    do {
      moved.append((try stage(a, from: source, to: target), a, source, target))
      moved.append((try stage(b, from: target, to: source), b, target, source))
      let wereSynchronized = Set(moved.filter { isSynchronized($0.found) }.map(\.staged))
      for (staged, _, _, side) in moved {
        storage.pending.add(side.name, in: side.folder.node.identity, staged: staged)
      }
      for (staged, found, _, side) in moved
      where !side.place.isStaged
        || (!side.place.isWorkName && (!isBeingWritten(found.stat) || wereSynchronized.contains(staged)))
      {
        try unstage(staged, as: side, durably: wereSynchronized.contains(staged))
      }
      // What either was to replace is nobody's any more.
      for (staged, _, _, _) in moved { storage.dropDisplaced(by: staged) }
    } catch {
      takeBack(moved)
      throw error
    }
  }

  /// Both have their old names again, as far as the disk lets; what has none then is found by the next start.
  private func takeBack(_ moved: [(staged: FileName, found: (location: Location, stat: stat), from: Side, to: Side)]) {
    guard let staging = try? storage.staging else { return }
    for (staged, found, _, to) in moved {
      storage.pending.remove(to.name, in: to.folder.node.identity)
      try? staging.forget(FileIdentity(found.stat))
      guard (try? Sys.stat(staged, in: staging.folder)) == nil else { continue }
      try? Sys.rename(to.name, in: to.folder.descriptor, to: staged, in: staging.folder, flags: Staging.noReplace)
    }
    for (staged, found, from, _) in moved {
      guard let file = try? Sys.openPath(staged, in: staging.folder) else { continue }
      if found.location.isStaged {
        Staging.setOrigin(origin(from), of: file.raw)
        storage.pending.add(from.name, in: from.folder.node.identity, staged: staged)
      } else {
        try? Sys.rename(staged, in: staging.folder, to: from.name, in: from.folder.descriptor, flags: Staging.noReplace)
        Staging.removeOrigin(of: file)
      }
    }
  }

  /// Has a file staged, on its way to the name of `target`; returns its staged name.
  private func stage(_ found: (location: Location, stat: stat), from source: Side, to target: Side) throws -> FileName {
    let staging = try storage.staging
    let file = try Sys.openPath(found.location.name, in: found.location.folder)
    guard !found.location.isStaged else {
      Staging.setOrigin(origin(target), of: file.raw)
      return found.location.name
    }
    let staged = staging.nextName()
    Staging.setOrigin(origin(target), of: file.raw)
    try Sys.rename(found.location.name, in: found.location.folder, to: staged, in: staging.folder)
    return staged
  }

  /// Gives a staged file its name in the storage root.
  private func unstage(_ staged: FileName, as side: Side, durably: Bool) throws {
    let staging = try storage.staging
    let folder = side.folder.descriptor
    if side.place.isStaged {
      let file = try Sys.open(staged, in: staging.folder, O_RDONLY)
      try staging.publish(
        staged, file.raw, origin: origin(side), as: side.name, in: folder.raw, durably: durably)
    } else {
      let file = try Sys.openPath(staged, in: staging.folder)
      try Sys.rename(staged, in: staging.folder, to: side.name, in: folder)
      Staging.removeOrigin(of: file)
      storage.pending.forgetFailure(staged, file)
    }
    storage.pending.remove(side.name, in: side.folder.node.identity)
  }

  /// Brings a file's bytes onto the disk.
  private func settle(_ location: Location) throws {
    try Sys.synchronizeData(try Sys.open(location.name, in: location.folder, O_RDONLY))
  }

  private func renamed(_ stat: stat, _ from: Side, _ to: Side) {
    let identity = FileIdentity(stat)
    nodes.renamed(
      identity, from: (from.folder.id, from.name),
      to: Node(place: to.place, parent: to.folder.id, name: to.name, identity: identity))
    wantDigest(identity, at: to.place, to.name, in: to.folder.id)
  }

  /// What an exchange means for the ledger, to be booked once it has happened.
  private func movement(
    _ from: Side, _ found: (location: Location, stat: stat), _ to: Side
  ) throws -> () -> Void {
    let ledger = storage.ledger
    if found.stat.isFolder {
      guard let a = owner(of: from), let b = owner(of: to), a.name != b.name else { return {} }
      let tallies = try storage.tallies(below: from.name, in: from.folder.descriptor.raw)
      return { ledger.move(tallies, from: a.name, to: b.name, in: a.area) }
    }
    guard found.stat.isRegularFile else { return {} }
    let identity = FileIdentity(found.stat)
    // Booked up to now, and to where it is now.
    let size = try handles.inode(identity).map { try bookHeld($0) } ?? Int64(found.stat.st_size)
    let tally = Tally(size: size, count: 1)
    let (old, new) = (account(of: from.place, in: from.folder.id), account(of: to.place, in: to.folder.id))
    let before = found.location.isStaged ? nil : from.folder.node.identity
    return { [storage] in
      let folder = to.folder.node.identity
      let after = storage.pending.staged(to.name, in: folder) == nil ? folder : nil
      ledger.record(Tally() - tally, to: old, in: before, file: identity)
      ledger.record(tally, to: new, in: after, file: identity)
    }
  }

  /// Whose files a user, year or month folder holds.
  private func owner(of side: Side) -> (name: FileName, area: Area)? {
    switch side.place {
    case .user(let area): (side.name, area)
    case .year(let area): (side.folder.node.name, area)
    case .month(let area): nodes[side.folder.node.parent].map { ($0.name, area) }
    case .root, .rootStats, .rootErrors, .area, .image, .work, .userStats, .temp, .uploads, .session, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
      nil
    }
  }

  /// A tool has written its marker under another name and moves it into place.
  func completeByRename(_ source: Side, _ target: Side, _ caller: Caller) throws {
    guard let found = source.found else { throw Errno.noSuchFileOrDirectory }
    let session = try session(of: target.folder.id)
    let file = try Sys.open(found.location.name, in: found.location.folder, O_RDONLY)
    let content = try Sys.readAll(file, limit: CompletionRequest.longestMarker + 1)
    try journal.once(caller) { _ in
      try complete(session, marker: content, for: Credentials(caller))
      if caller.request.isResent { tellAgain(of: session) }
      try storage.gate.changing {
        try storage.names.holding(source.folder.node.identity) {
          guard let found = try find(source.name, in: source.folder) else { return }
          try remove(source.name, in: source.folder, source.place, found.location)
        }
      }
      return 0
    }
  }
}
