internal import CLinux
package import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
package import SystemPackage

/// Opening files.
extension MountTree {
  package func open(_ node: NodeID, flags: Int32, _ caller: Caller) throws(Errno) -> OpenedFile {
    try answering("open", node) {
      let record = try self.node(node)
      if let opened = try openedBefore(node, record, flags: flags, caller) { return opened }
      let isWriting = flags & O_ACCMODE != O_RDONLY
      switch record.place {
      case .rootErrors:
        guard !isWriting, flags & O_TRUNC == 0 else { throw StorageError.readOnly(record.name.description) }
        return openRefusals(node, caller)
      case .rootStats, .userStats, .sessionStats:
        guard !isWriting, flags & O_TRUNC == 0 else { throw StorageError.readOnly(record.name.description) }
        return OpenedFile(
          handle: handles.insert(
            .snapshot(try virtualContent(record)),
            HandleRecord(.snapshot, node: node, request: caller.request, descriptor: -1)),
          service: .direct, skipsFlush: true)
      case .marker:
        return try openMarker(node, record, flags: flags, caller)
      case .chunk:
        try session(of: record.parent).waitForChunkRemoval()
        return try openFile(node, record, flags: flags, caller, chunk: isWriting ? record.name : nil)
      case .image, .work, .sessionWork, .workspaceEntry:
        let hasBegun = isWriting ? try beginMade(node, record) : false
        do {
          return try openFile(node, record, flags: flags, caller, chunk: nil)
        } catch {
          if hasBegun { endMade(node, record) }
          throw error
        }
      case .root, .area, .user, .year, .month, .temp, .uploads, .session, .workspace:
        throw Errno.isDirectory
      }
    }
  }

  func openFile(
    _ id: NodeID, _ record: Node, flags: Int32, _ caller: Caller, chunk: FileName?
  ) throws -> OpenedFile {
    let session = try chunk.map { _ in try self.session(of: record.parent) }
    if let chunk { try session?.opened(chunk) }
    let descriptor: SharedDescriptor
    let (file, opened): (OpenFile, OpenedFile)
    do {
      let chunk = session.flatMap { session in chunk.map { (session, $0) } }
      var found = try openByName(id, record, flags).flatMap { shared in
        try insert(id, record, shared, flags, caller, chunk: chunk).map { (shared, $0) }
      }
      if found == nil {
        let reached = try reopen(try reach(id), record.place, flags)
        found = try insert(id, record, reached, flags, caller, chunk: chunk).map { (reached, $0) }
      }
      guard let found else { throw Errno.staleNFSFileHandle }
      (descriptor, (file, opened)) = found
    } catch {
      if let chunk { session?.closed(chunk, wasClosing: false) }
      throw error
    }
    try finishOpening(id, file, opened.handle, by: descriptor, flags: flags, caller)
    return opened
  }

  /// What is left to do once an open is in the table; where that fails, it is not open.
  ///
  /// The next server does all of it again where this one dies before its reply: nothing can have been written by way of
  /// an open of which nobody was told.
  func finishOpening(
    _ id: NodeID, _ file: OpenFile, _ handle: HandleID, by descriptor: SharedDescriptor, flags: Int32, _ caller: Caller
  ) throws {
    do {
      let isWriting = flags & O_ACCMODE != O_RDONLY
      try clearPrivilegesUnseen(id, .file(file), isWriting, caller)
      guard flags & O_TRUNC != 0 else { return }
      try truncate(id, file.inode.identity, file.inode.chunk, by: descriptor, to: 0)
      if caller.user != 0 { try clearPrivileges(id, by: descriptor) }
      if !isWriting { wantDigest(id) }
    } catch {
      // Other writers may have left it to this one.
      if file.isWriter { finishWriting(file) }
      let last = storage.sizes.holding(file.inode.identity) { handles.release(handle, file) }
      if let backing = last?.backing { notifier?.unregisterBacking(backing) }
      leaveSession(file)
      throw error
    }
  }

  /// The short way, which most opens go: by the name under which the file was last seen. It may lead to another by now.
  private func openByName(_ id: NodeID, _ record: Node, _ flags: Int32) throws -> SharedDescriptor? {
    guard !nodes.isOrphan(id) else { return nil }
    let isWriting = flags & O_ACCMODE != O_RDONLY
    let folder = try folder(record.parent)
    let location = try location(of: record.name, in: folder)
    let access = isWriting || flags & O_TRUNC != 0 || isChunk(record.place) && !storage.isReadOnly ? O_RDWR : O_RDONLY
    let descriptor: SharedDescriptor
    do throws(Errno) {
      descriptor = SharedDescriptor(try Sys.open(location.name, in: location.folder, access))
    } catch {
      // The other way takes more descriptors, not fewer.
      if error.isWantOfDescriptors { throw error }
      return nil
    }
    return descriptor
  }

  /// The file again, for reading and, where that is wanted, writing.
  private func reopen(_ descriptor: SharedDescriptor, _ place: Place, _ flags: Int32) throws(Errno) -> SharedDescriptor
  {
    let isWriting = flags & O_ACCMODE != O_RDONLY
    // All opens of a chunk share one descriptor of it, so that it must do for a writer, too.
    guard isWriting || flags & O_TRUNC != 0 || (isChunk(place) && !storage.isReadOnly) else {
      return SharedDescriptor(try Sys.reopen(descriptor, O_RDONLY))
    }
    do throws(Errno) {
      // Reading, too: to copy ranges out of it, and to look for holes.
      return SharedDescriptor(try Sys.reopen(descriptor, O_RDWR))
    } catch .permissionDenied {
      return SharedDescriptor(try Sys.reopen(descriptor, isWriting || flags & O_TRUNC != 0 ? O_WRONLY : O_RDONLY))
    }
  }

  /// Whether the bytes of a file are where a session's placement says.
  func isChunk(_ place: Place) -> Bool {
    switch place {
    case .chunk, .sessionWork: true
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .image, .work, .userStats, .temp, .uploads,
      .session, .marker, .sessionStats, .workspace, .workspaceEntry:
      false
    }
  }

  /// Enters an open file into the table and says who serves it; `nil` where the descriptor is of another file.
  func insert(
    _ id: NodeID, _ record: Node, _ descriptor: SharedDescriptor, _ flags: Int32, _ caller: Caller,
    chunk: (UploadSession, FileName)?, new: stat? = nil
  ) throws -> (OpenFile, OpenedFile)? {
    // A new file gets its name by a close, whatever it was opened for.
    let isWriter = new != nil || flags & O_ACCMODE != O_RDONLY
    let (place, identity, name, parent) = (record.place, record.identity, record.name, record.parent)
    var bytes: ChunkFile?
    if isChunk(place) {
      if let session = try? session(of: record.parent) {
        guard FileIdentity(try new ?? Sys.stat(descriptor)) == identity else { return nil }
        bytes = try session.file(identity, descriptor, isNew: new != nil)
      } else if handles.inode(of: id) == nil, try Storage.place(ofChunk: descriptor.raw) != nil {
        // What it had went with its session.
        throw Errno.noSuchFileOrDirectory
      }
    }
    var isCutOff = false
    var found: stat?
    var isSessionWriter = false
    let inserted = try storage.sizes.holding(identity) { () throws(Errno) -> (file: OpenFile, id: HandleID)? in
      isCutOff = orphans[id]?.isCutOff ?? false || handles.inode(of: id)?.booking.withLock { $0.isCutOff } ?? false
      if isCutOff { return nil }
      // As the ledger has it: nobody changes and books it between here and the table.
      // Of a new one, too: somebody may have removed it since it was made.
      let stat = try Sys.stat(descriptor)
      guard FileIdentity(stat) == identity else { return nil }
      found = stat
      // It has been renamed since: who opens it is to look again.
      if let chunk, nodes[id]?.name != chunk.1, !nodes.isOrphan(id) { throw .staleNFSFileHandle }
      // With its name a chunk that nobody has open has lost its bytes.
      if isChunk(place), stat.st_nlink == 0, handles.inode(of: id) == nil { throw .noSuchFileOrDirectory }
      if isWriter, new == nil, bytes == nil { try storage.digests.willChange(stat, descriptor, storage.ownWork) }
      let hasPrivileges = stat.st_mode & (S_ISUID | S_ISGID) != 0
      var record = HandleRecord(.file, node: id, request: caller.request, descriptor: descriptor.raw)
      record.opener = caller.process
      record.isWriter = isWriter
      // One that was displaced has a name in the staging folder still, and none of its own.
      return handles.insert(record, identity, hasName: stat.st_nlink > 0 && !nodes.isOrphan(id)) {
        let inode = OpenInode(
          identity: identity, node: id,
          // Writes that take privileges away have to be seen. And the kernel goes on with the flags of the open, where it
          // serves it: a `dd` that takes O_DIRECT off for the last bytes would be refused.
          backing: (hasPrivileges && isWriter && caller.user != 0) || flags & lx_O_DIRECT != 0
            ? nil : dataPath.backing(descriptor.raw, for: place, isWriter: isWriter, notifier),
          chunk: bytes, size: Int64(stat.st_size), hasPrivileges: hasPrivileges)
        inode.booking.withLock { $0.modified = Clock.nanoseconds(stat.st_mtim) }
        if let failure = failure(of: id, place, name, in: parent) { inode.booking.withLock { $0.fail(failure) } }
        return inode
      } _: { inode, slot in
        let file = OpenFile(
          inode: inode, descriptor: descriptor, isWriter: isWriter, canBeMapped: flags & O_ACCMODE == O_RDWR,
          opener: caller.process, record: slot, isUse: isUse(of: place, flags))
        // Who writes to what has no name any more is no writer of the session's.
        if let chunk, stat.st_nlink > 0 {
          file.state.withLock { $0.chunk = chunk }
          isSessionWriter = true
        }
        return file
      }
    }
    if isCutOff, let folder = nodes.identity(of: parent) {
      // Once its name is gone who opens it may look again, and finds none.
      return try storage.names.holding(folder) { throw Errno.staleNFSFileHandle }
    }
    guard let inserted else { return nil }
    if let chunk, !isSessionWriter { chunk.0.closed(chunk.1, wasClosing: false) }
    if let found, new == nil, inserted.file.isUse { noteOpening(inserted.file, found) }
    let service = dataPath.service(of: inserted.file.inode, isWriter: isWriter)
    return (inserted.file, OpenedFile(handle: inserted.id, service: service, skipsFlush: !isWriter))
  }

  /// The failure of a write to a file that has no name in the storage root yet.
  private func failure(of id: NodeID, _ place: Place, _ name: FileName, in parent: NodeID) -> Errno? {
    guard place.isStaged, !nodes.isOrphan(id), let folder = nodes[parent]?.identity else { return nil }
    return storage.namespace.failure(ofPending: name, in: folder)
  }
}
