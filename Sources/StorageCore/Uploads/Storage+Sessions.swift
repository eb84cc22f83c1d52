internal import CLinux
package import Glibc
package import SystemPackage

/// Chunked uploads, for programs that use the storage as a library.
extension Storage {
  /// Saves one chunk of a session; the session begins with its first, and a chunk that is there is replaced.
  ///
  /// - Parameters:
  ///   - sessionID: 1 to 128 of `[A-Za-z0-9._-]`, not starting with a dot.
  ///   - index: from 0.
  public func saveChunk(_ data: [UInt8], sessionID: String, index: UInt64) throws(StorageError) {
    try saveChunk(sessionID: sessionID, index: index) { writer throws(StorageError) in try writer.write(data) }
  }

  /// As ``saveChunk(_:sessionID:index:)``, from a stream.
  public func saveChunk(
    sessionID: String, index: UInt64, _ fill: (FileWriter) throws(StorageError) -> Void
  ) throws(StorageError) {
    let path = try StoragePath(names: Layout.uploadsPath + [FileName(sessionID), FileName("chunk_\(index)")])
    let session = try begin(FileName(sessionID))
    try session.opened(path.fileName)
    do throws(StorageError) {
      try write(path, of: session, index, fill)
    } catch {
      session.closed(path.fileName, wasClosing: false)
      throw error
    }
    session.closed(path.fileName, wasClosing: false)
    try StorageError.wrap("moving the chunks of session \(sessionID)") { () throws(Errno) in
      try moveChunks(of: session)
    }
  }

  private func write(
    _ path: StoragePath, of session: UploadSession, _ index: UInt64,
    _ fill: (FileWriter) throws(StorageError) -> Void
  ) throws(StorageError) {
    let staging = try staging
    let doing = "saving \(path)"
    let new = try StorageError.wrap(doing) { () throws(Errno) in
      try staging.create(origin: Origin(path: path.description), flags: O_RDWR, mode: mode_t(Layout.fileMode))
    }
    do throws(StorageError) {
      let chunk = try StorageError.wrap(doing) { () throws(Errno) in
        let identity = FileIdentity(try Sys.stat(new.descriptor))
        return try session.file(identity, new.descriptor, isNew: true)
      }
      let writer = FileWriter(chunk, ChunkIndex(value: index))
      try fill(writer)
      try StorageError.wrap(doing) { () throws(Errno) in try chunk.synchronize() }
      let replaced = try occupant(of: path, session)
      let late = try publish(
        new.name, new.descriptor.raw, as: path, overwriting: true, owner: .ofThisProcess)
      session.saved(path.fileName, size: writer.size, place: chunk.place)
      if let replaced {
        try StorageError.wrap(doing) { () throws(Errno) in try replaced.vacate(isOpen: replaced.isOpen) }
      }
      if let late { throw late }
    } catch {
      // The error that matters is the one that is thrown; what stays staged goes at the next start.
      try? staging.discard(new.name)
      throw error
    }
  }

  /// The chunk that is about to be replaced.
  private func occupant(of path: StoragePath, _ session: UploadSession) throws(StorageError) -> PlaceOccupant? {
    do throws(Errno) {
      let folder = try root.openFolder(path.folder)
      return try occupant(path.fileName, in: folder.raw, of: session)
    } catch .noSuchFileOrDirectory {
      return nil
    } catch {
      throw .system(error, doing: "replacing \(path)")
    }
  }

  /// Assembles a session's chunks, in order, into an image filed under the present year and month.
  ///
  /// - Returns: where it is, how large it is, and its digest where `request` asked for a check.
  public func assembleChunks(
    sessionID: String, as request: CompletionRequest
  ) throws(StorageError) -> CompletionRecord {
    guard let session = uploads.session(FileName(sessionID)) else {
      throw .system(.noSuchFileOrDirectory, doing: "completing session \(sessionID)")
    }
    return try complete(session, request)
  }

  /// Ends a session and removes all that is in it.
  public func cleanupSession(_ sessionID: String) throws(StorageError) {
    guard let session = uploads.session(FileName(sessionID)) else {
      throw .system(.noSuchFileOrDirectory, doing: "cleaning up session \(sessionID)")
    }
    guard !session.isAssembling else { throw .completing("another file") }
    try StorageError.wrap("cleaning up session \(sessionID)") { () throws(Errno) in
      guard try removeSession(session) != nil else { throw .noSuchFileOrDirectory }
    }
  }

  private func begin(_ name: FileName) throws(StorageError) -> UploadSession {
    if let session = uploads.session(name) { return session }
    let uploadsFolder = try StorageError.wrap("beginning session \(name)") { () throws(Errno) in
      try root.openFolder(Layout.uploadsPath)
    }
    let uploadsIdentity = try StorageError.wrap("beginning session \(name)") { () throws(Errno) in
      FileIdentity(try Sys.stat(uploadsFolder))
    }
    return try names.holding(uploadsIdentity) { () throws(StorageError) in
      let made = try StorageError.wrap("beginning session \(name)") { () throws(Errno) in
        try Root.makeFolder(name, in: uploadsFolder.raw, owner: nil, mode: root.settings.folderMode)
      }
      if !made, let session = uploads.session(name) { return session }
      return try uploads.began(name)
    }
  }

  /// Removes a session's folder and all in it.
  ///
  /// - Parameter activity: when something last happened in it; if something has since, it stays.
  /// - Returns: how many files that were; `nil` where it stays, or has gone by other hands.
  @discardableResult
  func removeSession(_ session: UploadSession, ifIdleSince activity: Int64? = nil) throws(Errno) -> Int? {
    session.waitForChunkRemoval()
    return try session.ending(ifIdleSince: activity) { () throws(Errno) in try removeContent(of: session) }
  }

  private func removeContent(of session: UploadSession) throws(Errno) -> Int? {
    try gate.changing { () throws(Errno) in
      let uploadsFolder = try root.openFolder(Layout.uploadsPath)
      let uploadsIdentity = FileIdentity(try Sys.stat(uploadsFolder))
      // Its name may be another session's by now. The folder, once it is open, is this one's to the end.
      let opened = try names.holding(uploadsIdentity) { () throws(Errno) -> Descriptor? in
        guard uploads.isPresent(session) else { return nil }
        return try Sys.openFolder(session.name, in: uploadsFolder)
      }
      guard let folder = opened else { return nil }
      let identity = FileIdentity(try Sys.stat(folder))
      var count = 0
      let raw = folder.raw
      try names.holding(identity) { () throws(Errno) in
        for entry in try FolderStream.all(of: raw) {
          if entry.name == Layout.completing {
            // It is counted once it has its place.
            try Sys.unlink(entry.name, in: raw)
            continue
          }
          _ = try losing(entry.name, in: raw, identity, from: .temp) { () throws(Errno) in
            try Sys.unlink(entry.name, in: raw)
          }
          count += 1
        }
        for (name, _) in pending.all(in: identity) where try removePending(name, in: identity) {
          observer?.changed(name, in: identity)
          count += 1
        }
      }
      try names.holding(uploadsIdentity) { () throws(Errno) in
        guard uploads.isPresent(session) else { return }
        let held = SharedDescriptor(try Sys.openPath(session.name, in: uploadsFolder))
        try Sys.removeFolder(session.name, in: uploadsFolder)
        _ = observer?.unlinked(identity, held, by: .deleted)
        try uploads.ended(session)
      }
      observer?.changed(session.name, in: uploadsIdentity)
      return count
    }
  }

  /// Removes a file that never got its final name. The caller holds the folder's lock, and no file's.
  package func removePending(
    _ name: FileName, in folder: FileIdentity, account: Account = .temp, by loss: NameLoss = .deleted,
    before: (FileIdentity) -> Void = { _ in }
  ) throws(Errno) -> Bool {
    guard let staging = try? staging, let staged = pending.staged(name, in: folder) else { return false }
    let held = SharedDescriptor(try Sys.openPath(staged, in: staging.folder))
    let file = FileIdentity(try Sys.stat(held))
    try sizes.holding(file) { () throws(Errno) in
      let stat = try Sys.stat(held)
      before(file)
      // First: what a killed server leaves of it would get the name back.
      dropDisplaced(by: staged)
      try staging.discard(staged)
      pending.remove(name, in: folder)
      lost(staged, stat, held, from: account, by: loss)
    }
    return true
  }

  /// Another file has the name that a file was waiting for. That is done, whatever comes of this. The caller holds the
  /// file's lock.
  package func removedPending(
    _ staged: FileName, _ stat: stat, _ held: SharedDescriptor, from account: Account, by loss: NameLoss
  ) throws(StorageError) {
    let staging = try staging
    do throws(Errno) {
      try staging.discard(staged)
    } catch {
      refusals.add(
        operation: "rename", path: Layout.path([Layout.privateFolder, Layout.staging]), errno: error,
        advice: "what was replaced is left there; the next mount puts it into the workspace")
    }
    lost(staged, stat, held, from: account, by: loss)
  }

  private func lost(
    _ staged: FileName, _ stat: stat, _ held: SharedDescriptor, from account: Account, by loss: NameLoss
  ) {
    pending.forgetFailure(staged, held)
    let size = observer?.unlinked(FileIdentity(stat), held, by: loss) ?? Int64(stat.st_size)
    ledger.recordEnd(of: FileIdentity(stat), Tally(size: size, count: 1), in: account, nil)
  }
}
