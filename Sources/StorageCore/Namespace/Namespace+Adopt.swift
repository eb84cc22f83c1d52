internal import Glibc
internal import SystemPackage

/// What an earlier server left without a name, and somebody still has open or is about to name.
extension Namespace {
  /// The staged files that an earlier server left, as ``Storage/initialize(as:inheriting:onlyToRead:)`` has found them.
  package typealias Staged = [FileIdentity: FileName]

  /// A staged file waits for a name again, and is booked.
  package func adopt(
    _ staged: FileName, _ file: SharedDescriptor, size: Int64, as name: FileName, in folder: FileIdentity,
    _ account: Account
  ) {
    storage.pending.add(name, in: folder, staged: staged)
    storage.pending.recall(staged, PendingFiles.failure(notedOn: file))
    storage.ledger.record(Tally(size: size, count: 1), to: account, in: nil)
  }

  /// A staged file that was about to get another name has its old one. Nothing where another has that.
  package func keepName(_ staged: FileName, as name: FileName, in folder: Folder, _ place: Place) {
    // It may have its new name already, by a handle.
    guard !storage.pending.has(staged), storage.pending.staged(name, in: folder.identity) == nil,
      let staging = try? storage.staging, let stat = try? Sys.stat(staged, in: staging.folder)
    else { return }
    let descriptor = try? SharedDescriptor(Sys.openPath(staged, in: staging.folder))
    if let descriptor { Staging.setOrigin(folder.origin(of: name), of: descriptor.raw) }
    storage.pending.add(name, in: folder.identity, staged: staged)
    if let descriptor { storage.pending.recall(staged, PendingFiles.failure(notedOn: descriptor)) }
    storage.ledger.record(
      Tally(size: Int64(stat.st_size), count: 1), to: folder.account(of: place), in: nil)
  }

  /// A staged file that had its name in the storage root, and was just being renamed, has that name again.
  ///
  /// - Returns: false where it is one that waits for its name.
  package func giveBack(_ staged: FileName, as name: FileName, in folder: Folder, _ place: Place) throws -> Bool {
    let staging = try storage.staging
    let file = SharedDescriptor(try Sys.open(staged, in: staging.folder, O_RDONLY))
    let pending = storage.pending.staged(name, in: folder.identity)
    guard !place.isWorkName, place != .workspaceEntry || pending == nil, pending == nil || pending == staged,
      pending != nil || !storage.pending.has(staged), PendingFiles.failure(notedOn: file) == nil
    else { return false }
    try Sys.synchronizeData(file)
    try Sys.rename(staged, in: staging.folder, to: name, in: folder.descriptor, flags: Staging.noReplace)
    Staging.removeOrigin(of: file)
    let size = Int64(try Sys.stat(file).st_size)
    if pending != nil {
      // A reader had kept it waiting; from here on it is counted in its folder.
      storage.pending.remove(name, in: folder.identity)
      let (account, tally) = (folder.account(of: place), Tally(size: size, count: 1))
      storage.ledger.record(Tally() - tally, to: account, in: nil)
      storage.ledger.record(tally, to: account, in: folder.identity)
    }
    if place == .chunk, let session = folder.session {
      session.saved(name, size: size, place: storage.place(ofChunk: name, in: folder.descriptor.raw))
    }
    return true
  }
}
