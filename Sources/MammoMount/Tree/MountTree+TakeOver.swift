internal import FuseKit
internal import Glibc
internal import Logging
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// Going on where a server that has ended left off: what its clients have open is made again from the records.
extension MountTree {
  /// - Parameter staged: the names, in the staging folder, of open files that have no other yet.
  func takeOver(_ heritage: Heritage, staged: [FileIdentity: FileName], _ intents: RenameIntents) {
    let renames = settleRenames(intents)
    // A name that was just given away leads to the file that it was given to.
    let replaced = renames.filter { $0.isDone && $0.intent.exchanged == nil }.map(\.intent)
    var written = Set<FileIdentity>()
    for (_, record) in heritage.open where record.isWriter {
      if let stat = try? Sys.stat(record.descriptor) { written.insert(FileIdentity(stat)) }
    }
    for (id, descriptor) in nodes.left {
      guard let stat = try? Sys.stat(descriptor), FileIdentity(stat) == nodes.identity(of: id) else {
        nodes.letGo(id)
        continue
      }
      orphans.keep(.replaced(SharedDescriptor(Descriptor(owning: descriptor))), for: id)
    }
    endOwnWork()
    var open = heritage.open
    // Pictures of something else come after what they are of.
    let pictures = open.partition { $0.record.kind == HandleRecord.Kind.snapshot.rawValue }
    open[..<pictures].sort { $0.slot < $1.slot }
    for (slot, record) in open {
      do {
        try adopt(record, in: slot, staged, replaced)
      } catch {
        // Whoever has it open is told by the errors of its calls.
        logger.error(
          "an open file could not be taken over",
          metadata: ["path": "\(path(of: NodeID(rawValue: record.node)))", "error": "\(error)"])
        handles.drop(slot, failure: Self.failure(ofLost: record, error))
      }
    }
    for (slot, intent, isDone) in renames {
      keepNames(intent, isDone, staged, written)
      // Until here a server that follows this one has to find it.
      if isDone { intents.finish(slot) } else { intents.end(slot) }
    }
    storage.settleLeftDisplaced()
  }

  /// What a close is to say of an open that could not be taken over.
  private static func failure(ofLost record: HandleRecord, _ error: any Error) -> Errno? {
    switch HandleRecord.Kind(rawValue: record.kind) {
    case .folder, .snapshot, nil: nil
    case .file: record.isWriter ? .ioError : nil
    case .marker:
      if record.failure != 0 {
        Errno(rawValue: record.failure)
      } else if record.isDead {
        // It has done its work, or somebody has removed it, before its session went.
        nil
      } else {
        (error as? StorageError)?.errno ?? error as? Errno ?? .ioError
      }
    }
  }

  private func adopt(
    _ record: HandleRecord, in slot: Int, _ staged: [FileIdentity: FileName], _ replaced: [RenameIntent]
  ) throws {
    let id = HandleID(rawValue: record.id)
    let node = NodeID(rawValue: record.node)
    switch HandleRecord.Kind(rawValue: record.kind) {
    case .file: try adoptFile(record, node, id, in: slot, staged, replaced)
    case .folder:
      let folder = try self.node(node)
      let descriptor = SharedDescriptor(Descriptor(owning: record.descriptor))
      let open = OpenFolder(
        node: node, place: folder.place, identity: folder.identity, descriptor: descriptor,
        wasRead: true)
      handles.adopt(.folder(open), id, in: slot)
      if nodes.isOrphan(node) { orphans.keep(.held(descriptor), for: node) }
    case .snapshot:
      // As it is now: what it was is gone.
      let file = try self.node(node)
      let handle: HandleTable.Handle =
        switch file.place {
        case .marker: .snapshot(try markerContent(file))
        case .rootErrors: .refusals(RefusalReader(storage.refusals), user: record.opener)
        default: .snapshot(try virtualContent(file))
        }
      handles.adopt(handle, id, in: slot)
    case .marker: try adoptDraft(record, node, id, in: slot, staged)
    case nil: throw Errno.badFileDescriptor
    }
  }

  private func adoptFile(
    _ record: HandleRecord, _ id: NodeID, _ handle: HandleID, in slot: Int, _ staged: [FileIdentity: FileName],
    _ replaced: [RenameIntent]
  ) throws {
    let node = try self.node(id)
    let descriptor = SharedDescriptor(Descriptor(owning: record.descriptor))
    let stat = try Sys.stat(descriptor)
    let identity = FileIdentity(stat)
    if stat.st_nlink == 0 { nodes.unlinked(identity) }
    if !nodes.isOrphan(id), let record = staged[identity],
      wasReplaced(node, identity, descriptor, record)
        || replaced.contains(where: {
          $0.target.parent == node.parent && $0.target.name == node.name && $0.identity != identity
        })
    {
      try storage.namespace.discard(record)
      nodes.unlinked(identity)
    }
    if !nodes.isOrphan(id), record.failure != 0, node.place.isStaged, staged[identity] == nil,
      hasLostName(node, identity)
    {
      // It was just being put away.
      nodes.unlinked(identity)
      orphans.keep(.cutOff, for: id)
    }
    let isOrphan = nodes.isOrphan(id)
    let session = isChunk(node.place) ? try? self.session(of: node.parent) : nil
    let isLost = try isChunk(node.place) && isLost(descriptor, identity, of: session, record)
    let isFirst = handles.inode(of: id) == nil
    let inode =
      try handles.inode(of: id)
      ?? OpenInode(
        identity: identity, node: id, backing: record.backing == 0 ? nil : record.backing,
        chunk: isLost ? nil : session?.file(identity, descriptor), size: Int64(stat.st_size),
        hasPrivileges: stat.st_mode & (S_ISUID | S_ISGID) != 0, isLost: isLost)
    let file = OpenFile(
      inode: inode, descriptor: descriptor, isWriter: record.isWriter,
      // That it was opened for reading, too, is not on record.
      canBeMapped: record.isWriter, opener: record.opener, record: handles.slot(slot))
    file.state.withLock { $0.isClosing = record.isClosing }
    if record.isSynchronized { inode.booking.withLock { $0.isSynchronized = true } }
    if record.failure != 0 { file.fail(Errno(rawValue: record.failure)) }
    if !isOrphan, record.isWriter, node.place == .chunk, let session {
      // Before it is in the table: who is refused here is not in it.
      try session.opened(node.name)
      if record.isClosing { session.closing(node.name) }
      file.state.withLock { $0.chunk = (session, node.name) }
    }
    handles.adopt(file, handle, hasName: !isOrphan)
    if isOrphan { return orphans.keep(.held(descriptor), for: id) }
    if isFirst, let name = staged[identity], let folder = nodes.identity(of: node.parent) {
      storage.namespace.adopt(
        name, descriptor, size: Int64(stat.st_size), as: node.name, in: folder,
        account(of: node.place, in: node.parent))
    }
  }

  /// Whether a file that was published at a close has lost its name to another, so that its record is all that is left.
  private func wasReplaced(
    _ node: Node, _ identity: FileIdentity, _ descriptor: SharedDescriptor, _ record: FileName
  ) -> Bool {
    guard Staging.wasPublished(descriptor, named: record), let there = try? occupant(of: node) else { return false }
    return there != identity
  }

  /// Whether the name of a node leads to nothing, or to another file. Where the disk does not say it has it still.
  private func hasLostName(_ node: Node, _ identity: FileIdentity) -> Bool {
    do throws(Errno) {
      return try occupant(of: node) != identity
    } catch {
      return false
    }
  }

  /// The file to which the name of a node leads in the storage root.
  private func occupant(of node: Node) throws(Errno) -> FileIdentity? {
    let folder = try descriptor(of: node.parent)
    do throws(Errno) {
      return FileIdentity(try Sys.stat(node.name, in: folder))
    } catch .noSuchFileOrDirectory {
      return nil
    }
  }

  /// Whether the bytes of an open chunk cannot be had any more: they are in the data file of a session that has ended,
  /// which the last server had open, and the chunk's own file is one hole.
  private func isLost(
    _ descriptor: SharedDescriptor, _ identity: FileIdentity, of session: UploadSession?, _ record: HandleRecord
  ) throws(Errno) -> Bool {
    do throws(Errno) {
      if let session {
        _ = try session.file(identity, descriptor)
        return false
      }
      return try Storage.place(ofChunk: descriptor.raw) != nil
    } catch {
      guard error == .ioError || error == .noSuchFileOrDirectory else { throw error }
      // Where there is a session still, a writer is told at once.
      return session == nil || !record.isWriter
    }
  }

  private func adoptDraft(
    _ record: HandleRecord, _ folder: NodeID, _ id: HandleID, in slot: Int, _ staged: [FileIdentity: FileName]
  ) throws {
    let descriptor = SharedDescriptor(Descriptor(owning: record.descriptor))
    guard let name = staged[FileIdentity(try Sys.stat(descriptor))] else { throw Errno.noSuchFileOrDirectory }
    let draft = MarkerDraft(
      session: try session(of: folder), descriptor: descriptor, staged: name,
      credentials: Credentials(Owner(user: record.user, group: record.group), notedOn: descriptor),
      opener: record.opener, isInherited: true)
    let failure = record.failure == 0 ? nil : StorageError.refusedBefore(Errno(rawValue: record.failure))
    draft.state.withLock { state in
      // It may have died between the two notes.
      state.isDead = record.isDead || failure != nil
      state.failure = failure
      state.wasClosed = record.isClosing
    }
    if let failure { draft.session.refused(failure) }
    draft.record.withLock { $0 = handles.slot(slot) }
    markers.add(draft)
    handles.adopt(.marker(draft), id, in: slot)
  }
}
