internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// Requests that a server before this one had read and not answered: they may have been carried out.
///
/// The kernel holds the folder's lock for every request that gives or takes a name, and asks only for what it believes
/// can be done: no `mkdir` of a name that is there, no `unlink` of one that is not. So where a request comes again
/// and finds its work done, it was this request that did it.
extension MountTree {
  /// Does something whose failure with `done` says that it is done already, where the request comes again.
  ///
  /// - Returns: false where it was.
  @discardableResult
  func onceOnly(_ request: RequestNumber, _ done: Errno, _ body: () throws(Errno) -> Void) throws(Errno) -> Bool {
    do throws(Errno) {
      try body()
      return true
    } catch {
      guard request.isResent, error == done else { throw error }
      return false
    }
  }

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

  /// A new file that was made, and perhaps not given to its owner.
  func ownAgain(
    _ found: (location: Location, stat: stat), in folder: Folder, mode: mode_t, _ caller: Caller
  ) throws {
    guard found.stat.isRegularFile, found.stat.st_size == 0 else { return }
    try own(
      SharedDescriptor(try Sys.openPath(found.location.name, in: found.location.folder)), in: folder, mode: mode, caller
    )
  }

  /// A name that is not there was removed by this very request, or the request fails.
  func wasRemoved(_ name: FileName, in folder: Folder, by request: RequestNumber) throws {
    guard request.isResent else { throw Errno.noSuchFileOrDirectory }
    guard let node = nodes.named(name, in: folder.id) else { return }
    // A file of the workspace may have other names. Of one that nobody has open it makes no difference whether the next
    // lookup of such a name finds this node or makes another.
    if let open = handles.inode(node.identity)?.booking.withLock({ $0.handles.values.first }),
      try Sys.stat(open.descriptor).st_nlink > 0
    {
      nodes.lostName(node.identity, name, in: folder.id)
    } else {
      nodes.unlinked(node.identity)
    }
  }

  /// Whether a file that is not under its old name was given the new one by this very request.
  func wasRenamed(_ name: FileName, in folder: Folder, by request: RequestNumber) throws -> Bool {
    guard request.isResent else { return false }
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
    _ request: RequestNumber, _ source: Side, _ target: Side, exchanging: Bool, _ body: () throws -> Void
  ) throws {
    guard let found = source.found else { return try body() }
    let intent = RenameIntent(
      request: request, source: RenameIntent.Side(parent: source.folder.id, name: source.name),
      target: RenameIntent.Side(parent: target.folder.id, name: target.name), place: target.place,
      identity: FileIdentity(found.stat),
      exchanged: exchanging ? target.found.map { (FileIdentity($0.stat), source.place) } : nil)
    try renames.recording(intent, body)
  }
}
