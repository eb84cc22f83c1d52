internal import CLinux
internal import Glibc
internal import SystemPackage

extension Storage {
  /// How long a completion waits for a chunk's close whose release is under way, in nanoseconds.
  private static let closePatience: UInt64 = 1_000_000_000

  /// Turns the chunks of a session into the file that `request` names.
  ///
  /// Returns when that file is durable and in place. The chunks go afterwards (``UploadSession/waitForChunkRemoval()``), so
  /// that a completion that is refused, or cut off, leaves them as they were.
  ///
  /// - Parameter credentials: whose the file is to be, who has to be allowed to make it; `nil` is this process.
  package func complete(
    _ session: UploadSession, _ request: CompletionRequest, for credentials: Credentials? = nil
  ) throws(StorageError) -> CompletionRecord {
    let owner = credentials?.owner ?? .ofThisProcess
    while true {
      let isWaiting = session.isSettling
      let deadline = isWaiting ? nil : Clock.monotonic() + Self.closePatience
      let step: SessionState.Step?
      do throws(StorageError) {
        step = try session.state.wait(until: deadline) { (state, late) throws(StorageError) in
          let step = try state.begin(request, session: session.name, late: late)
          // What else is to be waited for has to come in its time.
          if case .wait = step { return isWaiting && !state.isSettling ? step : nil }
          return step
        }
      } catch {
        session.refused(error)
        throw error
      }
      switch step {
      case .done(let record):
        try restoreResult(record, of: session, owner)
        return record
      case .assemble(let chunks):
        let done: CompletionRecord
        let unfinished: UnfinishedCompletion?
        do throws(StorageError) {
          if let credentials { try check(credentials, for: request.path(session: session.name, at: Clock.now())) }
          (done, unfinished) = try assemble(chunks, of: session, request, owner, credentials)
        } catch {
          session.state.change { $0.giveUp(error, at: Clock.now()) }
          throw error
        }
        session.state.change { $0.finish(done, unfinished, at: Clock.now()) }
        // It is complete, but its name may not be on disk: the same marker again tries to bring it there.
        if let unfinished { throw unfinished.failure }
        return done
      case .settle(let record, let unfinished):
        do throws(StorageError) {
          try settle(session, record, unfinished)
        } catch {
          session.state.change { state in
            state.finish(record, unfinished, at: Clock.now())
            state.error = error
          }
          throw error
        }
        session.state.change { $0.finish(record, nil, at: Clock.now()) }
        return record
      case .wait, nil: continue
      }
    }
  }

  private func assemble(
    _ chunks: [ChunkSet.Chunk], of session: UploadSession, _ request: CompletionRequest, _ owner: Owner,
    _ credentials: Credentials?
  ) throws(StorageError) -> (record: CompletionRecord, unfinished: UnfinishedCompletion?) {
    let path = try request.path(session: session.name, at: Clock.now())
    try checkFree(path, request)
    let (folder, identity) = try StorageError.wrap("assembling \(path)") { () throws(Errno) in
      let folder = SharedDescriptor(try root.openFolder(Layout.uploadsPath + [session.name]))
      return (folder, FileIdentity(try Sys.stat(folder)))
    }
    try StorageError.wrap("assembling \(path)") { () throws(Errno) in try session.data.seal() }
    do throws(StorageError) {
      let assembly = try Assembly(chunks, of: session, in: folder, for: path, by: credentials, staging: staging)
      do throws(StorageError) {
        let record = try assembly.check(against: request, path: path, chunks: chunks.count) { isAbandoned }
        let late = try publish(assembly, as: path, request, owner, record, in: folder)
        if let late { return (record, UnfinishedCompletion(chunks: chunks, failure: late)) }
        finish(session, record, folder, identity, chunks)
        return (record, nil)
      } catch {
        // The error that matters is the one that is thrown; what stays staged goes at the next start.
        try? assembly.discard()
        throw error
      }
    } catch {
      session.data.unseal()
      throw error
    }
  }

  /// Asks the disk once more for what it refused at a completion, as the same marker again does.
  func settleAgain(_ session: UploadSession) {
    guard let record = session.record else { return }
    let before = session.state.withLock { $0.error?.errno }
    do throws(StorageError) {
      _ = try complete(session, CompletionRequest(marker: Array(record.storagePath.utf8)))
    } catch {
      if error.errno == before { return }
      refusals.add(
        operation: "complete", path: Layout.path(Layout.uploadsPath + [session.name]), errno: error.errno,
        advice: error.advice)
    }
  }

  /// Brings the name of an image onto the disk after all.
  private func settle(
    _ session: UploadSession, _ record: CompletionRecord, _ unfinished: UnfinishedCompletion
  ) throws(StorageError) {
    let path = try StoragePath(parsing: record.storagePath)
    let (folder, identity) = try StorageError.wrap("bringing the name of \(path) onto the disk") { () throws(Errno) in
      do throws(Errno) {
        try Self.synchronizeFolders(of: path, in: root)
      } catch {
        // Somebody has taken the image, or a folder on the way, elsewhere or away.
        guard error == .noSuchFileOrDirectory || error == .notDirectory else { throw error }
      }
      let folder = SharedDescriptor(try root.openFolder(Layout.uploadsPath + [session.name]))
      return (folder, FileIdentity(try Sys.stat(folder)))
    }
    finish(session, record, folder, identity, unfinished.chunks)
  }

  /// Puts the image in place, with a note of it written down first.
  ///
  /// Whenever the power fails, the next start sees by the note whether the image has its name: then the session is
  /// complete, else it is as it was.
  private func publish(
    _ assembly: Assembly, as path: StoragePath, _ request: CompletionRequest, _ owner: Owner,
    _ record: CompletionRecord, in folder: SharedDescriptor
  ) throws(StorageError) -> StorageError? {
    let staging = try staging
    try StorageError.wrap("noting the result of a session") { () throws(Errno) in
      let note = try staging.create(origin: Origin.disposable, flags: O_RDWR, mode: mode_t(Layout.fileMode))
      do throws(Errno) {
        try Self.write(record, to: note.descriptor, owner, in: folder)
        let inode = try Sys.stat(assembly.file).st_ino
        // Without attributes the next start compares sizes.
        try? Sys.setExtendedAttribute(Layout.inodeAttribute, of: note.descriptor, to: Array("\(inode)".utf8))
        try Sys.synchronize(note.descriptor)
        try Sys.rename(note.name, in: staging.folder, to: Layout.completing, in: folder)
      } catch {
        try? staging.discard(note.name)
        throw error
      }
      do throws(Errno) {
        try Sys.synchronizeFolder(folder)
      } catch {
        // One that stays is seen through by the next start.
        try? Sys.unlink(Layout.completing, in: folder)
        throw error
      }
    }
    do throws(StorageError) {
      return try publish(
        assembly.name, in: assembly.folder, assembly.file.raw, as: path, overwriting: request.overwrite, owner: owner)
    } catch {
      // One that stays is seen through by the next start.
      try? Sys.unlink(Layout.completing, in: folder)
      throw error
    }
  }

  /// Writes the result of a finished session again where somebody has removed it.
  private func restoreResult(
    _ record: CompletionRecord, of session: UploadSession, _ owner: Owner
  ) throws(StorageError) {
    let staging = try staging
    try StorageError.wrap("noting the result of a session") { () throws(Errno) in
      let folder = SharedDescriptor(try root.openFolder(Layout.uploadsPath + [session.name]))
      guard (try? Sys.stat(Layout.result, in: folder)) == nil else { return }
      let identity = FileIdentity(try Sys.stat(folder))
      let note = try staging.create(origin: Origin.disposable, flags: O_RDWR, mode: mode_t(Layout.fileMode))
      do throws(Errno) {
        try Self.write(record, to: note.descriptor, owner, in: folder)
        try gate.changing { () throws(Errno) in
          try Sys.rename(
            note.name, in: staging.folder, to: Layout.result, in: folder, flags: lx_RENAME_NOREPLACE)
          ledger.record(Tally(size: Int64(record.json.count), count: 1), to: .temp, in: identity)
        }
      } catch {
        try? staging.discard(note.name)
        // Somebody was quicker, with the same.
        guard error == .fileExists else { throw error }
      }
    }
  }

  private static func write(
    _ record: CompletionRecord, to file: SharedDescriptor, _ owner: Owner, in folder: SharedDescriptor
  ) throws(Errno) {
    try Sys.writeAll(file, at: 0, record.json)
    let group = try Root.inheritedGroup(of: folder.raw) ?? owner.group
    try Sys.give(file, to: Owner(user: owner.user, group: group))
    Staging.removeOrigin(of: file)
  }

  /// Refuses a target that is there, before any work is done for it.
  private func checkFree(_ path: StoragePath, _ request: CompletionRequest) throws(StorageError) {
    guard let folder = try? root.openFolder(path.folder), let identity = try? FileIdentity(Sys.stat(folder)) else {
      return
    }
    let isPending = pending.staged(path.fileName, in: identity) != nil
    guard let stat = try? Sys.stat(path.fileName, in: folder) else {
      if isPending { throw .targetOpen(path.description) }
      return
    }
    if isPending { throw .targetOpen(path.description) }
    guard request.overwrite else { throw .targetExists(path.description) }
    guard stat.isRegularFile else { throw .badTarget("\(path) is a folder or a special file; choose another name") }
  }

  /// The image is durable: the result takes its place, and then the chunks can go.
  ///
  /// Nothing here can undo the completion, so what fails is noted, not thrown.
  private func finish(
    _ session: UploadSession, _ record: CompletionRecord, _ folder: SharedDescriptor, _ identity: FileIdentity,
    _ chunks: [ChunkSet.Chunk]
  ) {
    do throws(Errno) {
      // A counter takes it for nothing until then.
      try gate.changing { () throws(Errno) in
        try Sys.rename(Layout.completing, in: folder, to: Layout.result, in: folder)
        ledger.record(Tally(size: Int64(record.json.count), count: 1), to: .temp, in: identity)
      }
    } catch {
      return untidy(session, error)
    }
    chunkRemoval.start(session) { [self] in
      do throws(Errno) {
        try remove(chunks, in: folder, identity)
        observer?.changed(chunks.map(\.name) + [Layout.result], in: identity)
        try session.data.remove()
      } catch {
        untidy(session, error)
      }
    }
  }

  private func remove(
    _ chunks: [ChunkSet.Chunk], in folder: SharedDescriptor, _ identity: FileIdentity
  ) throws(Errno) {
    // In parts, since the gate and the folder are closed to others meanwhile.
    for start in stride(from: 0, to: chunks.count, by: 256) {
      try gate.changing { () throws(Errno) in
        try names.holding(identity) { () throws(Errno) in
          for chunk in chunks[start..<min(start + 256, chunks.count)] {
            do throws(Errno) {
              _ = try losing(chunk.name, in: folder.raw, identity, from: .temp) { () throws(Errno) in
                try Sys.unlink(chunk.name, in: folder)
              }
            } catch .noSuchFileOrDirectory {
              continue
            }
          }
        }
      }
    }
  }

  private func untidy(_ session: UploadSession, _ error: Errno) {
    refusals.add(
      operation: "complete", path: Layout.path(Layout.uploadsPath + [session.name]), errno: error,
      advice: "the image is in place, but the session could not be tidied up; remove it with rm -r")
  }
}

extension Sys {
  /// Gives a file away, unless it is as wanted already (an ordinary user may not give files away).
  static func give(_ file: borrowing some DescriptorReference & ~Copyable, to owner: Owner) throws(Errno) {
    let now = try stat(file.raw)
    if now.st_uid != owner.user || now.st_gid != owner.group { try chown(file.raw, owner.user, owner.group) }
  }
}
