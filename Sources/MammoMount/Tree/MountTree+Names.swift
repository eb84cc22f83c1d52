package import FuseKit
package import Glibc
internal import StorageCore
internal import Synchronization
package import SystemPackage

/// Making and removing names.
extension MountTree {
  package func makeDirectory(
    _ name: EntryName, in parent: NodeID, mode: Glibc.mode_t, _ caller: Caller
  ) throws(Errno) -> Entry {
    try answering("mkdir", parent, name) {
      let folder = try folder(parent)
      let name = FileName(nulTerminated: name.nulTerminated)
      let place = try folderPlace(name, in: folder)
      if !wasDone(caller.request) { try storage.freeSpace.admit() }
      return try storage.gate.changing {
        let isWorkspace = place == .workspaceEntry
        let folderMode = storage.folderMode
        let group = try Root.inheritedGroup(of: folder.descriptor.raw) ?? caller.group
        try holding(isNoted(place) ? folder.node.identity : nil) {
          try once(caller, unlessBefore: .fileExists) { () throws(Errno) in
            try Sys.makeFolder(
              name, in: folder.descriptor, mode: isWorkspace ? mode & 0o7777 : mode_t(folderMode))
          } then: {
            if caller.user != process.user || group != process.group {
              try orRemove(name, in: folder) { () throws(Errno) in
                try Sys.chown(name, in: folder.descriptor, caller.user, group)
              }
            }
            if !isWorkspace {
              try orRemove(name, in: folder) { () throws(Errno) in
                try Root.complete(folderMode, of: name, in: folder.descriptor.raw)
              }
            }
            storage.ledger.folderMoved()
            switch place {
            case .user(let area): storage.ledger.userFolderAppeared(name, in: area)
            case .session: try storage.uploads.began(name)
            case .root, .rootStats, .rootErrors, .area, .year, .month, .image, .work, .userStats, .temp, .uploads,
              .chunk, .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
              break
            }
          }
        }
        return entry(name, in: folder, place, try Sys.stat(name, in: folder.descriptor))
      }
    }
  }

  /// What a new folder needs; without it the folder goes again.
  private func orRemove(_ name: FileName, in folder: Folder, _ body: () throws(Errno) -> Void) throws(Errno) {
    do throws(Errno) {
      try body()
    } catch {
      try Sys.removeFolder(name, in: folder.descriptor)
      throw error
    }
  }

  /// The place of a folder that is to be made, or the refusal.
  private func folderPlace(_ name: FileName, in folder: Folder) throws(StorageError) -> Place {
    try NameRules.check(name)
    let contents = folder.node.place.contents
    switch contents.takes {
    case .folders, .anything: return try folder.node.place.child(name)
    case .files, .nothing: throw .notHere(name.description, rule: contents.rule)
    }
  }

  package func removeDirectory(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) {
    try answering("rmdir", parent, name) {
      let folder = try folder(parent)
      let name = FileName(nulTerminated: name.nulTerminated)
      let place = try existingPlace(name, in: folder)
      if try wasRemoved(name, in: folder, by: caller) { return }
      guard let found = try find(name, in: folder) else { throw Errno.noSuchFileOrDirectory }
      guard found.stat.isFolder else { throw Errno.notDirectory }
      let identity = FileIdentity(found.stat)
      let session = place == .session ? storage.uploads.session(name) : nil
      var isGone = false
      while !isGone {
        session?.waitForChunkRemoval()
        isGone = try storage.gate.changing {
          // It may have been completed in between.
          if session?.isLosingChunks ?? false { return false }
          guard storage.pending.isEmpty(identity) else { throw Errno.directoryNotEmpty }
          if let session { try empty(session, identity, in: folder) }
          try holding(isNoted(place) ? folder.node.identity : nil) {
            try journal.once(caller) { _ in
              journal.willRemove(identity, caller)
              try removing(identity, name, in: folder.descriptor.raw) { () throws(Errno) in
                try Sys.removeFolder(name, in: folder.descriptor)
              }
              if let session { try storage.uploads.ended(session) }
              if case .user(let area) = place { storage.ledger.userFolderVanished(name, from: area) }
              return 0
            }
          }
          return true
        }
      }
    }
  }

  /// Whether it is kept in mind which folders of this kind there are.
  private func isNoted(_ place: Place) -> Bool {
    switch place {
    case .user, .session: true
    case .root, .rootStats, .rootErrors, .area, .year, .month, .image, .work, .userStats, .temp, .uploads, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
      false
    }
  }

  /// Makes or removes a folder, with the lock of the one that it is in where that is asked for.
  @discardableResult
  private func holding<Result>(_ folder: FileIdentity?, _ body: () throws -> Result) throws -> Result {
    guard let folder else { return try body() }
    return try storage.names.holding(folder) { try body() }
  }

  /// A finished session goes with its result in it; one with chunks does not.
  private func empty(_ session: UploadSession, _ identity: FileIdentity, in folder: Folder) throws {
    if session.isAssembling { throw StorageError.completing("another file") }
    // In a finished session an open marker is the result, or was closed and its release is under way.
    guard !session.hasChunks, session.record != nil || !markers.exist(for: session.name) else {
      throw Errno.directoryNotEmpty
    }
    let inside = try Sys.openFolder(session.name, in: folder.descriptor)
    let raw = inside.raw
    // The second is there where a completion could not be tidied up, and perhaps chunks.
    let results = [Layout.result, Layout.completing]
    guard try FolderStream.all(of: raw).allSatisfy({ results.contains($0.name) }) else {
      throw Errno.directoryNotEmpty
    }
    for result in results where (try? Sys.stat(result, in: raw)) != nil {
      try storage.names.holding(identity) { () throws(Errno) in
        // What has not taken its place is not counted.
        if result == Layout.completing { return try Sys.unlink(result, in: raw) }
        _ = try storage.losing(result, in: raw, identity, from: .temp) { () throws(Errno) in
          try Sys.unlink(result, in: raw)
        }
      }
    }
  }

  package func unlink(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) {
    try answering("unlink", parent, name) {
      let folder = try folder(parent)
      let name = FileName(nulTerminated: name.nulTerminated)
      let place = try existingPlace(name, in: folder)
      if place == .marker { return try unlinkMarker(in: folder, caller) }
      if try wasRemoved(name, in: folder, by: caller) { return }
      guard place == .chunk, let session = sessionIfAny(folder) else {
        return try unlink(name, in: folder, place, caller)
      }
      session.waitForChunkRemoval()
      try session.changing(finished: true) { try unlinkChunk(name, in: folder, session, caller) }
    }
  }

  private func unlinkChunk(_ name: FileName, in folder: Folder, _ session: UploadSession, _ caller: Caller) throws {
    guard let found = try find(name, in: folder), found.stat.isRegularFile else { throw Errno.noSuchFileOrDirectory }
    let occupant = try storage.occupant(found.location.name, in: found.location.folder.raw, of: session)
    try unlink(name, in: folder, .chunk, caller)
    session.removed(name)
    storage.namespace.vacate(occupant, of: name, in: place(folder))
  }

  /// Removes a file's name. The caller holds no lock.
  ///
  /// - Parameter caller: who asked for that; `nil` where it undoes something.
  func unlink(_ name: FileName, in folder: Folder, _ place: Place, _ caller: Caller? = nil) throws {
    try storage.gate.changing {
      try storage.names.holding(folder.node.identity) {
        let location = try location(of: name, in: folder)
        guard let caller else { return try remove(name, in: folder, place, location) }
        try journal.once(caller) { _ in
          try remove(name, in: folder, place, location) { [journal] in journal.willRemove($0, caller) }
          return 0
        }
      }
    }
  }

  /// Removes a file's name, staged or not, and books it; a folder's is refused. Within the gate, with the folder's
  /// lock and no file's.
  ///
  /// - Parameter before: told which file it is, just before its name goes.
  func remove(
    _ name: FileName, in folder: Folder, _ place: Place, _ location: Location,
    before: (FileIdentity) -> Void = { _ in }
  ) throws {
    let account = account(of: place, in: folder.id)
    guard !location.isStaged else {
      _ = try storage.removePending(name, in: folder.node.identity, account: account, before: before)
      return
    }
    let lost = try storage.losing(
      location.name, in: location.folder.raw, folder.node.identity, from: account, before: before
    ) { () throws(Errno) in
      try Sys.unlink(location.name, in: location.folder)
    }
    if let lost, !lost.isGone { nodes.lostName(lost.file, name, in: folder.id) }
  }

  /// The place of a name that is to go; what is made here, and the documented folders, stay.
  func existingPlace(_ name: FileName, in folder: Folder) throws -> Place {
    guard let place = try? folder.node.place.child(name) else {
      if name.count > NameRules.longest { throw Errno.fileNameTooLong }
      throw Errno.noSuchFileOrDirectory
    }
    if place.isVirtual { throw StorageError.reserved(name.description) }
    if place.isDocumentedFolder { throw StorageError.reserved(name.description) }
    return place
  }

  /// Keeps a folder that the kernel refers to reachable while `removal` takes its name away.
  func removing(_ folder: FileIdentity, _ name: FileName, in parent: CInt, by removal: () throws(Errno) -> Void)
    throws(Errno)
  {
    let held = SharedDescriptor(try Sys.openPath(name, in: parent))
    try removal()
    if let node = nodes.unlinked(folder) { orphans.keep(.held(held), for: node) }
  }
}
