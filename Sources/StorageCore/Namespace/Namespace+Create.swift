package import Glibc
package import SystemPackage

/// How a new file begins, and how it gets its name in the storage root.
extension Namespace {
  /// A new file that nobody else knows yet.
  package struct Created: Sendable {
    package let descriptor: SharedDescriptor
    package let stat: stat
  }

  /// Makes an empty file under a name, and books it. Where the place has its new files staged, the file waits for its name
  /// there.
  ///
  /// The caller is within the gate, and holds no lock.
  ///
  /// - Parameters:
  ///   - mode: for `open`; what is beyond the permissions is `complete`'s to set.
  ///   - complete: gives the new file its owner and mode; where that is refused, nothing is made.
  /// - Throws: `EEXIST` where the name is taken.
  package func create(
    _ name: FileName, in folder: Folder, _ place: Place, mode: mode_t,
    _ complete: (SharedDescriptor) throws(Errno) -> Void
  ) throws -> Created {
    if place == .chunk { try folder.session?.checkReceiving() }
    let made =
      place.isStaged
      ? try createStaged(name, in: folder, mode: mode, complete)
      : try createInPlace(name, in: folder, mode: mode, complete)
    storage.ledger.record(
      Tally(count: 1), to: folder.account(of: place), in: place.isStaged ? nil : folder.identity,
      file: FileIdentity(made.stat))
    return made
  }

  private func createInPlace(
    _ name: FileName, in folder: Folder, mode: mode_t, _ complete: (SharedDescriptor) throws(Errno) -> Void
  ) throws -> Created {
    let descriptor = SharedDescriptor(try Sys.open(name, in: folder.descriptor, O_RDWR | O_CREAT | O_EXCL, mode: mode))
    do {
      try complete(descriptor)
      return Created(descriptor: descriptor, stat: try Sys.stat(descriptor))
    } catch {
      try Sys.unlink(name, in: folder.descriptor)
      throw error
    }
  }

  private func createStaged(
    _ name: FileName, in folder: Folder, mode: mode_t, _ complete: (SharedDescriptor) throws(Errno) -> Void
  ) throws -> Created {
    let staging = try storage.staging
    let file = try staging.create(origin: folder.origin(of: name), flags: O_RDWR, mode: mode)
    do {
      try complete(file.descriptor)
      let stat = try Sys.stat(file.descriptor)
      try storage.names.holding(folder.identity) { () throws(Errno) in
        // A completion, or somebody else's create, may have been quicker.
        guard storage.pending.staged(name, in: folder.identity) == nil,
          (try? Sys.stat(name, in: folder.descriptor)) == nil
        else { throw .fileExists }
        storage.pending.add(name, in: folder.identity, staged: file.name)
      }
      return Created(descriptor: file.descriptor, stat: stat)
    } catch {
      try staging.discard(file.name)
      throw error
    }
  }

  /// A file that no name is to lead to, as the draft of a marker: the next start removes what is left of it.
  ///
  /// - Returns: the file and its staged name, by which ``discard(_:)`` removes it.
  package func createUnnamed(
    mode: mode_t, _ complete: (SharedDescriptor) throws(Errno) -> Void
  ) throws -> (descriptor: SharedDescriptor, staged: FileName) {
    let file = try storage.staging.create(origin: Origin.disposable, flags: O_RDWR, mode: mode)
    do {
      try complete(file.descriptor)
    } catch {
      try discard(file.name)
      throw error
    }
    return (file.descriptor, file.name)
  }

  /// Removes a staged file to which no name leads.
  package func discard(_ staged: FileName) throws { try storage.staging.discard(staged) }

  // MARK: Waiting for a name

  /// Whether a file waits for this name.
  package func isPending(_ name: FileName, in folder: FileIdentity) -> Bool {
    storage.pending.staged(name, in: folder) != nil
  }

  /// Whether files wait for names in a folder.
  package func hasPending(in folder: FileIdentity) -> Bool { !storage.pending.isEmpty(folder) }

  /// The names in a folder for which files wait.
  package func pendingNames(in folder: FileIdentity) -> [FileName] { storage.pending.all(in: folder).map(\.name) }

  /// The write that failed to a file that waits for a name.
  package func failure(ofPending name: FileName, in folder: FileIdentity) -> Errno? {
    storage.pending.staged(name, in: folder).flatMap { storage.pending.failure($0) }
  }

  /// Remembers of a file that waits for a name that a write to it failed; a later server sees it, too.
  package func noteFailure(
    ofPending name: FileName, in folder: FileIdentity,
    _ file: borrowing some DescriptorReference & ~Copyable, _ failure: Errno
  ) {
    if let staged = storage.pending.staged(name, in: folder) { storage.pending.fail(staged, file, failure) }
  }

  /// A file that waits for a name is empty, or has all its bytes: it can be whole again.
  package func forgetFailure(
    ofPending name: FileName, in folder: FileIdentity, _ file: borrowing some DescriptorReference & ~Copyable
  ) {
    if let staged = storage.pending.staged(name, in: folder) { storage.pending.forgetFailure(staged, file) }
  }

  /// Somebody was told that a file that waits for a name is on disk.
  package func noteSynchronized(pending name: FileName, in folder: FileIdentity) {
    if let staged = storage.pending.staged(name, in: folder) { storage.pending.noteSynchronized(staged) }
  }

  // MARK: The name

  /// Gives a file that waits for its name the name in the storage root, and books it there.
  ///
  /// The caller is within the gate, with the folder's lock and the file's, and has booked the file's size.
  ///
  /// - Parameters:
  ///   - file: open.
  ///   - size: booked; bytes.
  ///   - chunk: where the bytes of a chunk are.
  ///   - durably: the file is on disk before it has the name. The caller synchronises the folder, holding no lock.
  package func publish(
    _ entry: Entry, _ file: SharedDescriptor, _ identity: FileIdentity, size: Int64, chunk: ChunkFile?, durably: Bool
  ) throws {
    guard let staged = storage.pending.staged(entry.name, in: entry.folder.identity) else { return }
    let staging = try storage.staging
    let folder = entry.folder.descriptor.raw
    if let chunk, chunk.place != nil {
      try staging.publishPlaced(staged, file.raw, as: entry.name, in: folder)
    } else {
      try staging.publish(
        staged, file.raw, origin: entry.origin, as: entry.name, in: folder,
        // What it replaces may be durable: after a power cut one of the two has to be there whole.
        durably: durably || storage.pending.replacesAnother(staged))
    }
    storage.pending.remove(entry.name, in: entry.folder.identity)
    storage.dropDisplaced(by: staged)
    let tally = Tally(size: size, count: 1)
    storage.ledger.record(Tally() - tally, to: entry.account, in: nil)
    storage.ledger.record(tally, to: entry.account, in: entry.folder.identity, file: identity)
  }

  /// A file was synchronised that may have been published a moment ago: it needs no record any more.
  package func wasSynchronized(_ file: FileIdentity, _ descriptor: SharedDescriptor) throws {
    try storage.sizes.holding(file) { try storage.staging.forget(file, descriptor.raw) }
  }

  /// Whether a file was published at a close and may not be on disk yet.
  package func isOnRecord(_ file: FileIdentity) -> Bool { (try? storage.staging)?.isOnRecord(file) ?? false }

  /// Takes an empty file off its name, so that it waits for the name as a new one does.
  ///
  /// The caller is within the gate, with the folder's lock and the file's.
  package func unpublish(_ entry: Entry, _ found: Found) throws {
    let staging = try storage.staging
    let file = try Sys.openPath(entry.name, in: entry.folder.descriptor)
    let raw = file.raw
    let staged = staging.nextName()
    try storage.ownWork.on(found.stat, raw) { () throws(Errno) in
      try staging.forget(found.identity)
      Staging.setOrigin(entry.origin, of: raw)
      do throws(Errno) {
        try Sys.rename(entry.name, in: entry.folder.descriptor, to: staged, in: staging.folder)
      } catch {
        Staging.removeOrigin(of: file)
        throw error
      }
    }
    storage.pending.add(entry.name, in: entry.folder.identity, staged: staged)
    storage.ledger.record(Tally(count: -1), to: entry.account, in: entry.folder.identity, file: found.identity)
    storage.ledger.record(Tally(count: 1), to: entry.account, in: nil)
  }
}
