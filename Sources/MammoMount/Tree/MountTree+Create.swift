package import FuseKit
package import Glibc
internal import StorageCore
package import SystemPackage

/// Creating files.
extension MountTree {
  package func create(
    _ name: EntryName, in parent: NodeID, mode: Glibc.mode_t, flags: Int32, _ caller: Caller
  ) throws(Errno) -> (Entry, OpenedFile) {
    try answering("open", parent, name) { try createAnew(name, in: parent, mode: mode, flags: flags, caller) }
  }

  /// As ``create(_:in:mode:flags:_:)``, within the answer to a request.
  ///
  /// - Parameter isRecorded: the caller has what the request does on record, as a whole.
  func createAnew(
    _ name: EntryName, in parent: NodeID, mode: Glibc.mode_t, flags: Int32, _ caller: Caller,
    isRecorded: Bool = false
  ) throws -> (Entry, OpenedFile) {
    let folder = try folder(parent)
    let name = FileName(nulTerminated: name.nulTerminated)
    let place = try filePlace(name, in: folder)
    if place == .marker { return try createMarker(in: folder, mode: mode, flags: flags, caller) }
    // The kernel believed that the name was free, and mostly it is: that a completion or a second mount point was
    // quicker shows when it is to be given.
    if try location(of: name, in: folder).isStaged || caller.request.isResent {
      if let opened = try openFound(name, in: folder, place, mode: mode, flags: flags, caller) { return opened }
    }
    try storage.freeSpace.admit()
    let session = place == .chunk ? try self.session(of: parent) : nil
    try session?.opened(name)
    do {
      return try createFile(
        name, in: folder, place, mode: mode, flags: flags, caller, chunk: session.map { ($0, name) },
        isRecorded: isRecorded)
    } catch {
      session?.closed(name, wasClosing: false)
      guard case Errno.fileExists = error, flags & O_EXCL == 0,
        let opened = try openFound(name, in: folder, place, mode: mode, flags: flags, caller)
      else { throw error }
      return opened
    }
  }

  /// Opens what is there under a name that was to be made; `nil` where there is nothing.
  private func openFound(
    _ name: FileName, in folder: Folder, _ place: Place, mode: Glibc.mode_t, flags: Int32, _ caller: Caller
  ) throws -> (Entry, OpenedFile)? {
    guard let found = try find(name, in: folder) else { return nil }
    guard flags & O_EXCL == 0 || wasMade(found.stat, by: caller) else { throw Errno.fileExists }
    guard belongs(found.stat, at: place) else { throw Errno.notPermitted }
    if journal.record(of: caller.request)?.state == .begun { try ownAgain(found, in: folder, mode: mode, caller) }
    let entry = entry(name, in: folder, place, found.stat)
    guard let id = entry.node, let record = nodes[id] else { throw Errno.staleNFSFileHandle }
    do {
      if let opened = try openedBefore(id, record, flags: flags, caller) { return (entry, opened) }
      return (
        entry,
        try openFile(
          id, record, flags: flags, caller, chunk: place == .chunk && flags & O_ACCMODE != O_RDONLY ? name : nil)
      )
    } catch {
      forget(id, count: 1)
      throw error
    }
  }

  private func createFile(
    _ name: FileName, in folder: Folder, _ place: Place, mode: Glibc.mode_t, flags: Int32, _ caller: Caller,
    chunk: (UploadSession, FileName)?, isRecorded: Bool
  ) throws -> (Entry, OpenedFile) {
    // Made and booked in one, or a count under way would find it before and book it twice.
    func make() throws -> Namespace.Created {
      try storage.namespace.create(name, in: self.place(folder), place, mode: mode & 0o777) {
        descriptor throws(Errno) in try own(descriptor, in: folder, mode: mode, caller)
      }
    }
    let made = try storage.gate.changing {
      // A work name is found by a later server whether it was opened or not.
      isRecorded ? try make() : try journal.recording(caller, make)
    }
    let (descriptor, stat) = (made.descriptor, made.stat)
    let entry = entry(name, in: folder, place, stat)
    guard let id = entry.node, let record = nodes[id] else { throw Errno.staleNFSFileHandle }
    do {
      guard let (_, opened) = try insert(id, record, descriptor, flags, caller, chunk: chunk, new: stat) else {
        throw Errno.staleNFSFileHandle
      }
      return (entry, opened)
    } catch {
      forget(id, count: 1)
      // The caller is told that there is no such file.
      undoCreate(name, in: folder, place, FileIdentity(stat))
      throw error
    }
  }

  /// Removes a file that was just made, unless another has its name by now.
  func undoCreate(_ name: FileName, in folder: Folder, _ place: Place, _ file: FileIdentity) {
    do {
      try storage.gate.changing {
        try storage.names.holding(folder.node.identity) {
          guard try find(name, in: folder)?.identity == file else { return }
          try storage.namespace.remove(name, in: self.place(folder), place)
        }
      }
    } catch {
      noteUnattended(error, "open", folder.id)
    }
  }

  /// Gives a new file, which was made with the permissions in `mode`, to its caller.
  func own(_ descriptor: SharedDescriptor, in folder: Folder, mode: Glibc.mode_t, _ caller: Caller) throws(Errno) {
    let group = try Root.inheritedGroup(of: folder.descriptor.raw) ?? caller.group
    if caller.user != process.user || group != process.group { try Sys.chown(descriptor, caller.user, group) }
    // After the change of owner, which clears set-user-ID.
    if mode & 0o7000 != 0 { try Sys.chmod(descriptor, mode & 0o7777) }
  }

  /// The place of a file that is to be made, or the refusal.
  func filePlace(_ name: FileName, in folder: Folder) throws(StorageError) -> Place {
    try NameRules.check(name)
    let contents = folder.node.place.contents
    switch contents.takes {
    case .files, .anything: return try folder.node.place.child(name)
    case .folders, .nothing:
      if case .some(let place) = try? folder.node.place.child(name), place.isVirtual {
        throw .reserved(name.description)
      }
      throw .notHere(name.description, rule: contents.rule)
    }
  }

  /// The upload session whose folder this is.
  func session(of folder: NodeID) throws(StorageError) -> UploadSession {
    // Of a folder that is gone the name may be another session's.
    guard let node = nodes[folder], node.place == .session, !nodes.isOrphan(folder),
      let session = storage.uploads.session(node.name)
    else {
      throw .system(.noSuchFileOrDirectory, doing: "using a session that is gone")
    }
    return session
  }

  func sessionIfAny(_ folder: Folder) -> UploadSession? {
    folder.node.place == .session ? storage.uploads.session(folder.node.name) : nil
  }
}
