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
        let target = self.place(folder)
        let group = try Root.inheritedGroup(of: folder.descriptor.raw) ?? caller.group
        let isOwn = caller.user == process.user && group == process.group
        try holding(storage.namespace.isNoted(place) ? folder.node.identity : nil) {
          try once(caller, unlessBefore: .fileExists) { () throws(Errno) in
            try storage.namespace.makeFolder(name, in: target, place, mode: mode)
          } then: {
            try storage.namespace.completeFolder(
              name, in: target, place, owner: isOwn ? nil : Owner(user: caller.user, group: group))
          }
        }
        return entry(name, in: folder, place, try Sys.stat(name, in: folder.descriptor))
      }
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
          guard !storage.namespace.hasPending(in: identity) else { throw Errno.directoryNotEmpty }
          if let session { try empty(session, identity, in: folder) }
          try holding(storage.namespace.isNoted(place) ? folder.node.identity : nil) {
            try journal.once(caller) { _ in
              journal.willRemove(identity, caller)
              try storage.namespace.removeFolder(name, in: self.place(folder), place)
              return 0
            }
          }
          return true
        }
      }
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
    try storage.namespace.clearSession(session.name, identity, in: folder.descriptor)
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
  private func unlink(_ name: FileName, in folder: Folder, _ place: Place, _ caller: Caller) throws {
    try storage.gate.changing {
      try storage.names.holding(folder.node.identity) {
        let target = self.place(folder)
        try journal.once(caller) { _ in
          try storage.namespace.remove(name, in: target, place) { [journal] in journal.willRemove($0, caller) }
          return 0
        }
      }
    }
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
}
