internal import CLinux
internal import Glibc
internal import SystemPackage

/// Two names that change places (`RENAME_EXCHANGE`).
extension Namespace {
  /// The caller is within the gate, alone, and has checked that each may be where the other is.
  package func exchange(_ source: Entry, _ target: Entry) throws {
    guard let a = source.found, let b = target.found else { throw Errno.noSuchFileOrDirectory }
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
    guard source.place == target.place, let session = source.folder.session else {
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
    _ source: Entry, _ a: Found, _ target: Entry, _ b: Found, in session: UploadSession?
  ) throws {
    let isStaged = a.location.isStaged || b.location.isStaged
    guard isStaged || storage.abilities.exchangesNames else {
      throw StorageError.cannotExchange(target.name.description)
    }
    for side in [a, b] where side.stat.isRegularFile && !side.location.isStaged {
      // Either may get an image's name now.
      try Sys.synchronizeData(try Sys.open(side.location.name, in: side.location.folder, O_RDONLY))
      try storage.sizes.holding(side.identity) { try storage.staging.forget(side.identity) }
    }
    try storage.sizes.holding(a.identity, and: b.identity) {
      let moved = try movement(source, a, target)
      let back = try movement(target, b, source)
      if isStaged {
        try exchangeStaged(source, a, target, b)
      } else {
        try Sys.rename(
          a.location.name, in: a.location.folder.raw, to: b.location.name, in: b.location.folder.raw,
          flags: lx_RENAME_EXCHANGE)
      }
      if a.stat.isFolder || b.stat.isFolder {
        storage.ledger.folderMoved()
        if source.owner != nil {
          storage.digests.moved([(source.names, target.names), (target.names, source.names)])
        }
      }
      moved()
      back()
      for (found, from, to) in [(a, source, target), (b, target, source)] {
        storage.openFiles?.renamed(found.identity, from: from, to: to)
        if case .image = to.place { storage.digests.want(found.identity, at: to.names) }
      }
      guard let session else { return }
      for (side, found) in [(source, b), (target, a)] {
        storage.openFiles?.retarget(found.identity, to: (session, side.name))
        session.saved(
          side.name, size: storage.openFiles?.bookedSize(found.identity) ?? Int64(found.stat.st_size),
          place: storage.place(ofChunk: side.name, in: side.folder.descriptor.raw))
      }
    }
  }

  /// A file between two names.
  private struct Moved {
    let found: Found
    let from: Entry
    let to: Entry
    let wasSynchronized: Bool
    /// Once it is staged on its way to the other name.
    var staged: FileName?
  }

  /// Where one has no name in the storage root that could be exchanged: both are staged for a moment, and whichever may
  /// have its new name there gets it. Whatever is cut off in between is found in the workspace.
  private func exchangeStaged(_ source: Entry, _ a: Found, _ target: Entry, _ b: Found) throws {
    var moved = [
      Moved(found: a, from: source, to: target, wasSynchronized: isSynchronized(a)),
      Moved(found: b, from: target, to: source, wasSynchronized: isSynchronized(b)),
    ]
    do {
      for index in moved.indices { moved[index].staged = try stage(moved[index].found, to: moved[index].to) }
      for file in moved {
        if let staged = file.staged { storage.pending.add(file.to.name, in: file.to.folder.identity, staged: staged) }
      }
      for file in moved {
        let getsName =
          !file.to.place.isStaged
          || (!file.to.place.isWorkName && (!isBeingWritten(file.found) || file.wasSynchronized))
        guard let staged = file.staged else { continue }
        if getsName {
          try unstage(staged, as: file.to, durably: file.wasSynchronized)
        } else if file.wasSynchronized {
          storage.pending.noteSynchronized(staged)
        }
      }
      // What either was to replace is nobody's any more.
      for file in moved { if let staged = file.staged { storage.dropDisplaced(by: staged) } }
    } catch {
      takeBack(moved)
      throw error
    }
  }

  /// Both have their old names again, as far as the disk lets; what has none then is found by the next start.
  private func takeBack(_ moved: [Moved]) {
    guard let staging = try? storage.staging else { return }
    for file in moved {
      storage.pending.remove(file.to.name, in: file.to.folder.identity)
      guard let staged = file.staged else { continue }
      try? staging.forget(file.found.identity)
      guard (try? Sys.stat(staged, in: staging.folder)) == nil else { continue }
      try? Sys.rename(
        file.to.name, in: file.to.folder.descriptor, to: staged, in: staging.folder, flags: Staging.noReplace)
    }
    for file in moved {
      let descriptor = file.staged.flatMap { try? SharedDescriptor(Sys.openPath($0, in: staging.folder)) }
      if file.found.location.isStaged {
        // Its entry went with the other's new one.
        let staged = file.found.location.name
        if let descriptor { Staging.setOrigin(file.from.origin, of: descriptor.raw) }
        storage.pending.add(file.from.name, in: file.from.folder.identity, staged: staged)
        if file.wasSynchronized { storage.pending.noteSynchronized(staged) }
      } else if let descriptor, let staged = file.staged {
        try? Sys.rename(
          staged, in: staging.folder, to: file.from.name, in: file.from.folder.descriptor, flags: Staging.noReplace)
        Staging.removeOrigin(of: descriptor)
      }
    }
  }

  /// Has a file staged, on its way to the name of `target`; returns its staged name.
  private func stage(_ found: Found, to target: Entry) throws -> FileName {
    let staging = try storage.staging
    let file = try Sys.openPath(found.location.name, in: found.location.folder)
    Staging.setOrigin(target.origin, of: file.raw)
    guard !found.location.isStaged else { return found.location.name }
    let staged = staging.nextName()
    try Sys.rename(found.location.name, in: found.location.folder, to: staged, in: staging.folder)
    return staged
  }

  /// Gives a staged file its name in the storage root.
  private func unstage(_ staged: FileName, as entry: Entry, durably: Bool) throws {
    let staging = try storage.staging
    let folder = entry.folder.descriptor
    if entry.place.isStaged {
      let file = try Sys.open(staged, in: staging.folder, O_RDONLY)
      try staging.publish(staged, file.raw, origin: entry.origin, as: entry.name, in: folder.raw, durably: durably)
    } else {
      let file = try Sys.openPath(staged, in: staging.folder)
      try Sys.rename(staged, in: staging.folder, to: entry.name, in: folder)
      Staging.removeOrigin(of: file)
      storage.pending.forgetFailure(staged, file)
    }
    storage.pending.remove(entry.name, in: entry.folder.identity)
  }

  /// What an exchange means for the ledger, to be booked once it has happened.
  private func movement(_ from: Entry, _ found: Found, _ to: Entry) throws -> () -> Void {
    let ledger = storage.ledger
    if found.stat.isFolder {
      guard let a = from.owner, let b = to.owner, a.name != b.name else { return {} }
      let tallies = try storage.tallies(below: from.name, in: from.folder.descriptor.raw)
      return { ledger.move(tallies, from: a.name, to: b.name, in: a.area) }
    }
    guard found.stat.isRegularFile else { return {} }
    // Booked up to now, and to where it is now.
    let size = try storage.openFiles?.bookGrowth(of: found.identity) ?? Int64(found.stat.st_size)
    let tally = Tally(size: size, count: 1)
    let before = found.location.isStaged ? nil : from.folder.identity
    return { [storage] in
      let isStaged = storage.pending.staged(to.name, in: to.folder.identity) != nil
      ledger.record(Tally() - tally, to: from.account, in: before, file: found.identity)
      ledger.record(tally, to: to.account, in: isStaged ? nil : to.folder.identity, file: found.identity)
    }
  }
}

extension Namespace.Entry {
  /// Whose files a user, year or month folder holds.
  var owner: (name: FileName, area: Area)? {
    switch place {
    case .user(let area): (name, area)
    case .year(let area), .month(let area): folder.user.map { ($0, area) }
    case .root, .rootStats, .rootErrors, .area, .image, .work, .userStats, .temp, .uploads, .session, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
      nil
    }
  }
}
