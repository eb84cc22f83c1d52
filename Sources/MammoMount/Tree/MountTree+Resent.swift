internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// Requests that a server before this one had read and not answered: they may have been carried out.
///
/// Whether they were, the ``RequestJournal`` tells. What is found under a name does not: a completion gives names and
/// takes them while the kernel holds the folder's lock for somebody else's request.
extension MountTree {
  /// Makes a change on record, unless an earlier server did. A caller who needs to know what was made looks.
  ///
  /// - Parameter done: the failure by which a change shows that may have been made by an earlier server, whose record
  ///   ends just before.
  /// - Returns: false where an earlier server had made the change.
  @discardableResult
  func once(
    _ caller: Caller, unlessBefore done: Errno, _ body: () throws(Errno) -> Void, then: () throws -> Void = {}
  ) throws -> Bool {
    var isNew = true
    let (_, wasRun) = try journal.once(caller) { isAgain in
      do throws(Errno) {
        try body()
      } catch {
        guard isAgain, error == done else { throw error }
        isNew = false
      }
      try then()
      return 0
    }
    return isNew && wasRun
  }

  /// Whether an earlier server has made the change that a request asks for.
  func wasDone(_ request: RequestNumber) -> Bool { journal.record(of: request)?.state == .done }

  /// What a request had opened before the server that it was sent to ended.
  func openedBefore(_ node: NodeID, _ record: Node, flags: Int32, _ caller: Caller) throws -> OpenedFile? {
    guard let (id, handle) = handles.opened(by: caller.request) else { return nil }
    switch handle {
    case .file(let file):
      // It may not have come to that.
      try finishOpening(node, file, id, by: file.descriptor, flags: flags, caller)
      return OpenedFile(
        handle: id, service: dataPath.service(of: file.inode, isWriter: file.isWriter), skipsFlush: !file.isWriter)
    case .refusals: return OpenedFile(handle: id, service: .direct, skipsFlush: false)
    case .snapshot: return OpenedFile(handle: id, service: .direct, skipsFlush: true)
    case .marker: return OpenedFile(handle: id, service: .direct)
    case .folder: return nil
    }
  }

  /// Whether a file was made by this very request, for an earlier server: it is on record before it has its name, and once
  /// it is open.
  func wasMade(_ stat: stat, by caller: Caller) -> Bool {
    let file = FileIdentity(stat)
    // Where it is not certain: another's would not be empty, or somebody would have it open.
    if journal.record(of: caller.request) != nil, stat.st_size == 0, handles.inode(file) == nil { return true }
    guard case .file(let open)? = handles.opened(by: caller.request)?.handle else { return false }
    return open.inode.identity == file
  }

  /// A new file that was made, and perhaps not given to its owner.
  func ownAgain(
    _ found: Namespace.Found, in folder: Folder, mode: mode_t, _ caller: Caller
  ) throws {
    guard found.stat.isRegularFile, found.stat.st_size == 0 else { return }
    try own(
      SharedDescriptor(try Sys.openPath(found.location.name, in: found.location.folder)), in: folder, mode: mode, caller
    )
  }

  /// Whether a name was removed by this very request, for an earlier server.
  func wasRemoved(_ name: FileName, in folder: Folder, by caller: Caller) throws -> Bool {
    guard let record = journal.record(of: caller.request) else { return false }
    if record.state == .done { return true }
    guard let removed = record.removed else { return false }
    if let found = try find(name, in: folder), FileIdentity(found.stat) == removed { return false }
    journal.noteDone(caller)
    guard let (_, node) = nodes.find(removed), node.name == name, node.parent == folder.id else { return true }
    // A file of the workspace may have other names. Of one that nobody has open it makes no difference whether the next
    // lookup of such a name finds this node or makes another.
    if let open = handles.inode(removed)?.booking.withLock({ $0.handles.values.first }),
      try Sys.stat(open.descriptor).st_nlink > 0
    {
      nodes.lostName(removed, name, in: folder.id)
    } else {
      nodes.unlinked(removed)
    }
    return true
  }

  /// Whether a file that is not under its old name was given the new one by this very request, of which an earlier
  /// server has noted that it began.
  func wasRenamed(_ name: FileName, in folder: Folder, by request: RequestNumber) throws -> Bool {
    guard journal.record(of: request) != nil else { return false }
    // A marker that was moved into place shows once its session is complete.
    if name == Layout.result, let session = sessionIfAny(folder) {
      guard session.record != nil else { return false }
      tellAgain(of: session)
      return true
    }
    return try find(name, in: folder) != nil
  }

  /// Thrown where a rename finds that it is done.
  struct RenamedBefore: Error {}

  /// Renames with the intent on record.
  func recording(
    _ caller: Caller, _ source: Side, _ target: Side, exchanging: Bool, _ body: () throws -> Void
  ) throws {
    guard let found = source.found else { return try body() }
    let intent = RenameIntent(
      request: caller.request, source: RenameIntent.Side(parent: source.folder.id, name: source.name),
      target: RenameIntent.Side(parent: target.folder.id, name: target.name), place: target.place,
      identity: FileIdentity(found.stat),
      exchanged: exchanging ? target.found.map { (FileIdentity($0.stat), source.place) } : nil)
    // The intent tells whether it was carried out; the journal, until the reply was sent, that it was.
    try journal.once(caller) { _ in
      try renames.recording(intent, body)
      return 0
    }
  }
}
