package import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
package import SystemPackage

/// What happens when a file is closed: sizes are booked, and a new file that is whole gets its name.
extension MountTree {
  package func flush(_ node: NodeID, _ handle: HandleID, _ caller: Caller) throws(Errno) {
    try answering("close", node) {
      switch handles[handle] {
      case .file(let file): try distrusting(file) { try closed(file, caller) }
      case .marker(let draft): try closedMarker(draft, node, caller)
      case .refusals: handles.uses(handle, by: 0)
      case .snapshot, .folder: return
      case nil: if let failure = handles.failure(ofLost: handle) { throw failure }
      }
    }
  }

  /// Runs what brings a file onto the disk. A kernel says once only that the disk did not take some bytes, and believes
  /// afterwards that it has them: a new file of which it said so is not whole.
  func distrusting(_ file: OpenFile, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch {
      let errno = (error as? StorageError)?.errno ?? error as? Errno
      if errno == .ioError, needsAllBytes(file.inode) { file.fail(.ioError) }
      throw error
    }
  }

  /// One descriptor of the file was closed, perhaps the last.
  private func closed(_ file: OpenFile, _ caller: Caller) throws {
    guard file.isWriter else { return }
    defer { tellTimes(file) }
    if file.state.withLock({ $0.hasFailed }), let failure = failure(of: file) {
      try book(file.inode)
      throw ToldBefore(errno: failure)
    }
    try refuseIfCutShort(file)
    try file.inode.chunk?.settle()
    // Giving it its name books its size, too.
    if isLastClose(file, caller), try publish(file, durably: false) { return }
    try storage.gate.changing {
      try storage.sizes.holding(file.inode.identity) { noteSaved(file, try bookHeld(file.inode)) }
    }
  }

  /// Whether a write that failed matters beyond the write: a new file and a chunk have to be whole. Elsewhere whoever
  /// wrote was told, and goes on as on any file system.
  func needsAllBytes(_ inode: OpenInode) -> Bool {
    guard let record = nodes[inode.node], !nodes.isOrphan(inode.node) else { return false }
    return record.place == .chunk || isPending(record)
  }

  /// The failure by which a file is not whole, if it has to be.
  func failure(of file: OpenFile) -> Errno? {
    guard let failure = file.inode.booking.withLock({ $0.failure }), needsAllBytes(file.inode) else { return nil }
    return failure
  }

  /// A new file that the kernel wrote by itself, onto a disk that is full now, may be short: nobody told the server.
  func refuseIfCutShort(_ file: OpenFile) throws {
    guard file.inode.backing != nil, try storage.freeSpace.isUsedUp(below: file.descriptor),
      let record = nodes[file.inode.node], isPending(record)
    else { return }
    file.fail(.noSpace)
    throw Errno.noSpace
  }

  /// Whether no descriptor is left that could write; when that cannot be told, the release decides.
  private func isLastClose(_ file: OpenFile, _ caller: Caller) -> Bool {
    // One that has its name has nothing to wait for, and who has it open still is not asked.
    guard let record = nodes[file.inode.node], isPending(record) || record.place == .chunk else { return false }
    let holders = DescriptorHolders(name: record.name, inode: record.identity.inode)
    guard holders.ofNewFile(closing: caller.process, opener: file.opener, processes) == .none else { return false }
    // Before the others are looked at: of two that are closed at the same time one has to be the last.
    setClosing(file, true)
    return file.inode.booking.withLock { booking in
      !booking.handles.values.contains { $0 !== file && $0.isWriter && !$0.state.withLock { $0.isClosing } }
    }
  }

  private func isPending(_ record: Node) -> Bool {
    guard record.place.isStaged, let folder = nodes[record.parent]?.identity else { return false }
    return storage.namespace.isPending(record.name, in: folder)
  }

  /// Remembers whether the file's release is to be expected, which a completion waits for.
  func setClosing(_ file: OpenFile, _ isClosing: Bool) {
    let chunk = file.inode.booking.withLock { booking in
      file.state.withLock { state -> (session: UploadSession, name: FileName)? in
        guard state.isClosing != isClosing else { return nil }
        state.isClosing = isClosing
        // Once it has left the list, its record may be another's.
        if booking.handles.values.contains(where: { $0 === file }) { file.record.note(isClosing: isClosing) }
        return state.chunk
      }
    }
    if let chunk { chunk.session.closing(chunk.name, isClosing) }
  }

  /// Tells the session about a chunk that was changed where it is.
  private func noteSaved(_ file: OpenFile, _ size: Int64) {
    guard let chunk = file.state.withLock({ $0.chunk }), let record = nodes[file.inode.node], !isPending(record),
      !nodes.isOrphan(file.inode.node)
    else { return }
    chunk.session.saved(chunk.name, size: size, place: file.inode.chunk?.place)
  }

  /// Gives a new file its name in the storage root, if that is what it waits for.
  ///
  /// - Parameter unlessOpen: another writer has it open still, who then sees to it.
  /// - Returns: whether it was.
  @discardableResult
  func publish(_ file: OpenFile, durably: Bool, unlessOpen: Bool = false) throws -> Bool {
    // Again where a rename has taken it to another folder meanwhile.
    while let folder = pendingFolder(of: file) {
      // Before the lock, which then is not held for long.
      if durably { try Sys.synchronizeData(file.descriptor) }
      var isOthers = false
      let target = try storage.gate.changing { () throws -> SharedDescriptor? in
        try storage.names.holding(folder) {
          try storage.sizes.holding(file.inode.identity) {
            isOthers = unlessOpen && hasOtherWriter(file)
            return isOthers ? nil : try publishHeld(file, in: folder, durably: durably)
          }
        }
      }
      if isOthers { return false }
      guard let target else { continue }
      if durably { try Sys.synchronizeFolder(target) }
      return true
    }
    return false
  }

  /// The folder in which a file waits for its name; `nil` where it has its name, or is to have none.
  private func pendingFolder(of file: OpenFile) -> FileIdentity? {
    guard !nodes.isOrphan(file.inode.node), let record = nodes[file.inode.node], !record.place.isWorkName,
      record.place.isStaged, let parent = nodes[record.parent],
      storage.namespace.isPending(record.name, in: parent.identity)
    else { return nil }
    return parent.identity
  }

  /// Within the gate, with the folder's lock and the file's.
  ///
  /// - Returns: the folder, if the file still waited for its name there.
  private func publishHeld(_ file: OpenFile, in folder: FileIdentity, durably: Bool) throws -> SharedDescriptor? {
    guard pendingFolder(of: file) == folder, let record = nodes[file.inode.node] else { return nil }
    if let failure = file.inode.booking.withLock({ $0.failure }) { throw ToldBefore(errno: failure) }
    let size = try bookHeld(file.inode)
    let parent = try self.folder(record.parent)
    let target = parent.descriptor
    try storage.namespace.publish(
      Namespace.Entry(folder: place(parent), name: record.name, place: record.place, found: nil), file.descriptor,
      record.identity, size: size, chunk: file.inode.chunk, durably: durably)
    if let chunk = file.state.withLock({ $0.chunk }) {
      chunk.session.saved(chunk.name, size: size, place: file.inode.chunk?.place)
    }
    return target
  }

  package func release(_ node: NodeID, _ handle: HandleID) {
    switch handles[handle] {
    case .file(let file): release(file, node, handle)
    case .marker(let draft):
      // Until then a later server has to know of it.
      releaseMarker(draft, node)
      handles.remove(handle)
    case .snapshot, .refusals, .folder, nil: handles.remove(handle)
    }
  }

  private func release(_ file: OpenFile, _ node: NodeID, _ handle: HandleID) {
    if file.isWriter { finishWriting(file) }
    let last =
      if file.isWriter {
        storage.gate.changing {
          storage.sizes.holding(file.inode.identity) { () -> OpenInode? in
            // Also what was written since the close, by way of a mapping.
            do {
              let size = try bookHeld(file.inode)
              if failure(of: file) == nil { noteSaved(file, size) }
            } catch {
              noteUnattended(error, "close", node)
            }
            return handles.release(handle, file)
          }
        }
      } else {
        storage.sizes.holding(file.inode.identity) { handles.release(handle, file) }
      }
    if file.isWriter {
      tellTimes(file)
      wantDigest(node)
    }
    if file.isUse { noteClosing(file) }
    if let last {
      if let backing = last.backing { notifier?.unregisterBacking(backing) }
      if last.booking.withLock({ $0.isUnlinked }) { remember(file.descriptor, for: last.node) }
    }
    guard let session = leaveSession(file) else { return }
    do {
      try storage.moveChunks(of: session)
    } catch {
      // They stay where they are, and a completion copies them.
      noteUnattended(error, "close", node)
    }
  }

  /// An open that has left the table is no writer of a session's any more; returns the session.
  @discardableResult
  func leaveSession(_ file: OpenFile) -> UploadSession? {
    let (chunk, wasClosing) = file.state.withLock { state in
      defer { state.chunk = nil }
      return (state.chunk, state.isClosing)
    }
    if let chunk { chunk.session.closed(chunk.name, wasClosing: wasClosing) }
    return chunk?.session
  }

  /// A writer is about to leave the table: a new file gets its name or is put away, unless another has it open still.
  func finishWriting(_ file: OpenFile) {
    do {
      // Of several at a time, the last to come here is the last writer. With the file's lock: who renames it meanwhile
      // either has it wait for its name, which is found below, or gives it one.
      storage.sizes.holding(file.inode.identity) {
        file.inode.booking.withLock { _ in file.state.withLock { $0.isReleasing = true } }
      }
      // Of a descriptor that was on its way to another process nobody hears a close.
      try distrusting(file) {
        try file.inode.chunk?.settle()
        if file.inode.booking.withLock({ $0.failure }) == nil { try publishReleased(file) }
      }
    } catch {
      // The file keeps its staged place and shows in the mount; the next close, fsync or rename tries again,
      // and the next mount finds it.
      noteUnattended(error, "close", file.inode.node)
    }
    do {
      try putAway(file)
      file.inode.chunk?.startWriteback()
    } catch {
      noteUnattended(error, "close", file.inode.node)
    }
  }

  private func publishReleased(_ file: OpenFile) throws {
    do {
      try publish(file, durably: false, unlessOpen: true)
    } catch Errno.fileExists {
      // The name is another file's: what was written is put away.
      try putAway(file, isWhole: true)
    }
  }

  /// Remembers of a new file that it is not whole, for whoever opens or renames it later.
  private func noteFailure(_ failure: Errno, of file: OpenFile) {
    guard let record = nodes[file.inode.node], record.place.isStaged, !nodes.isOrphan(file.inode.node),
      let folder = nodes[record.parent]?.identity
    else { return }
    storage.namespace.noteFailure(ofPending: record.name, in: folder, file.descriptor, failure)
  }

  /// Whether somebody else has it open for writing whose release has not begun.
  private func hasOtherWriter(_ file: OpenFile) -> Bool {
    file.inode.booking.withLock { hasOtherWriter(file, $0) }
  }

  private func hasOtherWriter(_ file: OpenFile, _ booking: borrowing OpenInode.Booking) -> Bool {
    booking.handles.values.contains { $0 !== file && $0.isWriter && !$0.state.withLock { $0.isReleasing } }
  }

  /// A new file whose writes failed never gets its name: a chunk goes, an image is kept in the workspace. One that had
  /// its name before stays as it is, and one that somebody else has open for writing is his to see to.
  ///
  /// - Parameter isWhole: no write has failed; it cannot have its name for another reason.
  private func putAway(_ file: OpenFile, isWhole: Bool = false) throws {
    // Most have their name by now.
    guard isWhole || file.inode.booking.withLock({ $0.failure }) != nil else { return }
    try book(file.inode)
    // Again where a rename has taken it to another folder meanwhile.
    while true {
      let folder = pendingFolder(of: file)
      let isDone = try storage.gate.changing {
        try storage.names.holding(folder ?? file.inode.identity) {
          guard pendingFolder(of: file) == folder else { return false }
          try putAwayHeld(file, in: folder, isWhole: isWhole)
          return true
        }
      }
      if isDone { return }
    }
  }

  /// Within the gate, with the lock of the folder in which it waits for its name, if it does.
  private func putAwayHeld(_ file: OpenFile, in folder: FileIdentity?, isWhole: Bool) throws {
    let inode = file.inode
    // With the file's lock: whoever opens it meanwhile is in the table already, or waits until its name is gone.
    let (isMine, failure) = storage.sizes.holding(inode.identity) {
      inode.booking.withLock { booking -> (Bool, Errno?) in
        guard isWhole || booking.failure != nil, !hasOtherWriter(file, booking) else { return (false, nil) }
        if folder != nil { booking.isCutOff = true }
        return (true, booking.failure)
      }
    }
    guard isMine else { return }
    if let failure { noteFailure(failure, of: file) }
    guard let folder, let record = nodes[inode.node] else { return }
    do {
      if let chunk = file.state.withLock({ $0.chunk }) {
        try inode.chunk?.discard()
        chunk.session.dropped(chunk.name)
      }
      try storage.cutOff(
        record.name, inode.identity, in: folder, account: account(of: record.place, in: record.parent),
        path: path(of: inode.node), keep: record.place != .chunk)
    } catch {
      inode.booking.withLock { $0.isCutOff = false }
      throw error
    }
  }
}
