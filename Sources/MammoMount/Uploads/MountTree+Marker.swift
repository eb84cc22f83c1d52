internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// The marker `.complete`: opening, showing and removing it.
extension MountTree {
  // MARK: Showing it

  func markerEntry(in folder: Folder) throws -> Entry? {
    let record = Node(
      place: .marker, parent: folder.id, name: Layout.result, identity: Self.identity(of: .marker, in: folder.node))
    guard let descriptor = try? markerDescriptor(record, nil) else { return nil }
    let attributes = attributes(try Sys.stat(descriptor), record)
    return Entry(
      node: nodes.reference(record), attributes: attributes, timeout: policy.entryTimeout(in: folder.node.place))
  }

  func markerAttributes(_ record: Node, _ handle: HandleID?) throws -> Attributes {
    attributes(try Sys.stat(try markerDescriptor(record, handle)), record)
  }

  /// Whatever file holds the marker now, it shows as one inode.
  private func attributes(_ stat: stat, _ record: Node) -> Attributes {
    var stat = stat
    stat.st_ino = ino_t(record.identity.inode)
    stat.st_nlink = min(stat.st_nlink, 1)
    return Attributes(stat: stat, timeout: policy.attributeTimeout(of: .marker))
  }

  /// The file that stands for the marker: the draft that the handle means, the
  /// result of a completed session, or the newest draft.
  func markerDescriptor(_ record: Node, _ handle: HandleID?) throws -> SharedDescriptor {
    switch handle.flatMap({ handles[$0] }) {
    case .marker(let draft)?: return draft.descriptor
    case .file(let file)?: return file.descriptor
    case .folder, .snapshot, .refusals, nil: break
    }
    let session = try session(of: record.parent)
    let folder = try descriptor(of: record.parent)
    // Somebody may have removed it from a finished session.
    if session.record != nil, let result = try? Sys.openPath(Layout.result, in: folder) {
      return SharedDescriptor(result)
    }
    guard let draft = markers.newest(for: session.name) else { throw Errno.noSuchFileOrDirectory }
    return draft.descriptor
  }

  // MARK: Opening it

  func openMarker(_ node: NodeID, _ record: Node, flags: Int32, _ caller: Caller) throws -> OpenedFile {
    let session = try session(of: record.parent)
    if flags & O_ACCMODE != O_RDONLY { return try draft(session, record.parent, mode: nil, caller) }
    return snapshot(try markerContent(record), of: node, caller)
  }

  /// What the marker reads as: the result of its session, for which this waits where it is under way, or the newest draft.
  func markerContent(_ record: Node) throws -> [UInt8] {
    let session = try session(of: record.parent)
    let folder = try descriptor(of: record.parent)
    if session.waitForRecord() != nil, let file = try? Sys.openOwn(Layout.result, in: folder, O_RDONLY) {
      return try Sys.readAll(file, limit: CompletionRequest.longestMarker)
    }
    guard let draft = markers.newest(for: session.name) else { throw Errno.noSuchFileOrDirectory }
    return try Sys.readAll(draft.descriptor, limit: CompletionRequest.longestMarker)
  }

  private func snapshot(_ content: [UInt8], of node: NodeID, _ caller: Caller) -> OpenedFile {
    let record = HandleRecord(.snapshot, node: node, request: caller.request, descriptor: -1)
    return OpenedFile(handle: handles.insert(.snapshot(content), record), service: .direct, skipsFlush: true)
  }

  func createMarker(in folder: Folder, mode: mode_t, flags: Int32, _ caller: Caller) throws -> (Entry, OpenedFile) {
    let session = try session(of: folder.id)
    if let (id, handle) = handles.opened(by: caller.request), case .marker = handle,
      let entry = try markerEntry(in: folder)
    {
      return (entry, OpenedFile(handle: id, service: .direct))
    }
    if flags & O_EXCL != 0, try markerEntry(in: folder).map({ forgetEntry($0) }) != nil { throw Errno.fileExists }
    let opened = try draft(session, folder.id, mode: mode, caller)
    do {
      guard let entry = try markerEntry(in: folder) else { throw Errno.noSuchFileOrDirectory }
      return (entry, opened)
    } catch {
      if case .marker(let draft)? = handles.remove(opened.handle) { try drop(draft) }
      throw error
    }
  }

  private func forgetEntry(_ entry: Entry) {
    if let id = entry.node { forget(id, count: 1) }
  }

  /// A new draft of a session's marker.
  private func draft(
    _ session: UploadSession, _ folder: NodeID, mode: mode_t?, _ caller: Caller
  ) throws -> OpenedFile {
    let mode = mode ?? mode_t(Layout.fileMode)
    let parent = try self.folder(folder)
    let file = try storage.namespace.createUnnamed(mode: mode & 0o777) { descriptor throws(Errno) in
      try own(descriptor, in: parent, mode: mode, caller)
    }
    let draft = MarkerDraft(
      session: session, descriptor: file.descriptor, staged: file.staged, credentials: Credentials(caller),
      opener: caller.process)
    draft.credentials.note(on: file.descriptor)
    markers.add(draft)
    var record = HandleRecord(.marker, node: folder, request: caller.request, descriptor: file.descriptor.raw)
    record.opener = caller.process
    record.user = caller.user
    record.group = caller.group
    let handle = handles.insert(.marker(draft), record)
    draft.record.withLock { $0 = handles.slot(of: handle) }
    // A cleanup that has looked before sees that it is in use.
    session.touched()
    return OpenedFile(handle: handle, service: .direct)
  }

  func drop(_ draft: MarkerDraft) throws {
    markers.remove(draft)
    try storage.namespace.discard(draft.staged)
  }

  // MARK: Removing it

  func unlinkMarker(in folder: Folder, _ caller: Caller) throws {
    if wasDone(caller.request) { return }
    let session = try session(of: folder.id)
    if session.isAssembling { throw StorageError.completing("another file") }
    if let record = session.record, (try? Sys.stat(Layout.result, in: folder.descriptor)) != nil {
      record.note(on: folder.descriptor)
      return try storage.gate.changing {
        try storage.names.holding(folder.node.identity) {
          _ = try journal.once(caller) { _ in
            try storage.namespace.remove(Layout.result, in: place(folder), .marker) { [journal] in
              journal.willRemove($0, caller)
            }
            return 0
          }
        }
      }
    }
    if try wasRemoved(Layout.result, in: folder, by: caller) { return }
    try journal.once(caller) { _ in
      guard markers.kill(for: session.name) else { throw Errno.noSuchFileOrDirectory }
      return 0
    }
  }
}
