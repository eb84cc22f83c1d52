internal import CLinux
internal import Crypto
internal import Glibc
internal import SystemPackage

extension Storage {
  /// How long a completion waits for a chunk's close whose release is under way, in nanoseconds.
  private static let closePatience: UInt64 = 1_000_000_000

  /// Turns the chunks of a session into the file that `request` names.
  ///
  /// Returns when that file is durable and in place. The chunks go afterwards, so
  /// that a completion that is refused, or cut off, leaves them as they were.
  package func complete(
    _ session: UploadSession, _ request: CompletionRequest, owner: Owner
  ) throws(StorageError) -> CompletionRecord {
    let deadline = Clock.monotonic() + Self.closePatience
    while true {
      let isWaiting = session.isAssembling
      let step: SessionState.Step?
      do throws(StorageError) {
        step = try session.state.wait(until: isWaiting ? nil : deadline) { (state, late) throws(StorageError) in
          let step = try state.begin(request, session: session.name, late: late)
          if case .wait = step { return nil }
          return step
        }
      } catch {
        session.refused(error)
        throw error
      }
      switch step {
      case .done(let record): return record
      case .assemble(let chunks):
        do throws(StorageError) {
          let record = try assemble(chunks, of: session, request, owner)
          session.state.change { $0.finish(record, at: Clock.now()) }
          return record
        } catch {
          session.state.change { $0.giveUp(error, at: Clock.now()) }
          throw error
        }
      case .wait, nil: continue
      }
    }
  }

  private func assemble(
    _ chunks: [ChunkSet.Chunk], of session: UploadSession, _ request: CompletionRequest, _ owner: Owner
  ) throws(StorageError) -> CompletionRecord {
    let path = try request.path(session: session.name, at: Clock.now())
    try checkFree(path, request)
    let staging = try staging
    let doing = "assembling \(path)"
    let folder = try StorageError.wrap(doing) { () throws(Errno) in
      try root.openFolder(Layout.uploadsPath + [session.name])
    }
    let new = try StorageError.wrap(doing) { () throws(Errno) in
      try staging.create(origin: Origin.disposable, flags: O_RDWR, mode: mode_t(Layout.fileMode))
    }
    let staged = new.name
    let file = new.descriptor
    do throws(StorageError) {
      var digest = request.sha256 == nil ? nil : Optional(SHA256())
      var size: Int64 = 0
      try StorageError.wrap(doing) { () throws(Errno) in
        for chunk in chunks {
          let source = try Sys.open(chunk.name, in: folder, O_RDONLY)
          size += try Self.join(source.raw, to: file.raw, at: size, &digest)
        }
        // The new file is as the chunks are: whoever may read those may read it.
        let first = try Sys.stat(chunks[0].name, in: folder)
        try Sys.give(file, to: owner)
        try Sys.chmod(file, first.st_mode & 0o7777)
      }
      // Chunks may be changed in place; what counts is what was read now.
      if let expected = request.size, expected != size { throw .wrongSize(expected: expected, actual: size) }
      let sha256 = digest.map { $0.finalize().map { Self.hex($0) }.joined() }
      if let expected = request.sha256, let sha256, expected != sha256 {
        throw .wrongDigest(expected: expected, actual: sha256)
      }
      let record = CompletionRecord(
        storagePath: path.description, size: size, chunks: chunks.count, sha256: sha256)
      let result = try stageRecord(record, owner)
      do throws(StorageError) {
        try publish(staged, file.raw, as: path, overwriting: request.overwrite, owner: owner)
      } catch {
        try? staging.discard(result)
        throw error
      }
      finish(session, folder.raw, chunks, staged: result, size: record.json.count)
      return record
    } catch {
      // The error that matters is the one that is thrown; what stays staged goes at the next start.
      try? staging.discard(staged)
      throw error
    }
  }

  /// Refuses a target that is there, before any work is done for it.
  private func checkFree(_ path: StoragePath, _ request: CompletionRequest) throws(StorageError) {
    guard let folder = try? root.openFolder(path.folder), let stat = try? Sys.stat(path.fileName, in: folder),
      let identity = try? FileIdentity(Sys.stat(folder))
    else {
      guard let folder = try? root.openFolder(path.folder), let stat = try? Sys.stat(folder),
        pending.staged(path.fileName, in: FileIdentity(stat)) != nil
      else { return }
      throw .targetExists(path.description)
    }
    guard stat.isRegularFile else { throw .badTarget("\(path) is a folder or a special file") }
    guard request.overwrite, pending.staged(path.fileName, in: identity) == nil else {
      throw .targetExists(path.description)
    }
  }

  /// Appends one chunk: shared blocks where the file system has them, else a copy inside the kernel.
  private static func join(
    _ source: CInt, to target: CInt, at offset: Int64, _ digest: inout SHA256?
  ) throws(Errno) -> Int64 {
    let size = Int64(try Sys.stat(source).st_size)
    if digest != nil { try hash(source, size, &digest) }
    if size > 0, (try? Sys.cloneRange(from: source, at: 0, length: 0, to: target, at: offset)) != nil { return size }
    var done: Int64 = 0
    while done < size {
      let copied = try Sys.copyRange(
        from: source, at: done, to: target, at: offset + done, length: Int(size - done))
      if copied == 0 { break }
      done += Int64(copied)
    }
    return done
  }

  private static func hash(_ source: CInt, _ size: Int64, _ digest: inout SHA256?) throws(Errno) {
    var offset: Int64 = 0
    while offset < size {
      let piece = try Sys.readAll(source, from: offset, limit: 1 << 20)
      if piece.isEmpty { break }
      digest?.update(data: piece)
      offset += Int64(piece.count)
    }
  }

  private static func hex(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.utf8.count == 1 ? "0" + digits : digits
  }

  /// Writes the result beside the image while everything can still be refused.
  private func stageRecord(_ record: CompletionRecord, _ owner: Owner) throws(StorageError) -> FileName {
    let staging = try staging
    return try StorageError.wrap("noting the result of a session") { () throws(Errno) in
      let file = try staging.create(origin: Origin.disposable, flags: O_RDWR, mode: mode_t(Layout.fileMode))
      do throws(Errno) {
        try Sys.writeAll(file.descriptor, at: 0, record.json)
        try Sys.give(file.descriptor, to: owner)
        try Sys.synchronizeData(file.descriptor)
        return file.name
      } catch {
        try? staging.discard(file.name)
        throw error
      }
    }
  }

  /// The image is durable: the result takes its place, and then the chunks can go.
  ///
  /// Nothing here can undo the completion, so what fails is noted, not thrown.
  private func finish(
    _ session: UploadSession, _ folder: CInt, _ chunks: [ChunkSet.Chunk], staged: FileName, size: Int
  ) {
    do throws(Errno) {
      try gate.changing { () throws(Errno) in
        let identity = FileIdentity(try Sys.stat(folder))
        if let staging = try? staging {
          try Sys.rename(staged, in: staging.folder, to: Layout.result, in: folder)
          try Sys.synchronize(folder)
        }
        ledger.record(Tally(size: Int64(size), count: 1), to: .temp, in: identity)
        try names.holding(identity) { () throws(Errno) in
          for chunk in chunks {
            _ = try replacing(chunk.name, in: folder, identity, from: .temp) { () throws(Errno) in
              try Sys.unlink(chunk.name, in: folder)
            }
            observer?.changed(chunk.name, in: identity)
          }
        }
        observer?.changed(Layout.result, in: identity)
      }
    } catch {
      refusals.add(
        operation: "complete", path: Layout.path(Layout.uploadsPath + [session.name]), errno: error,
        advice: "the image is in place, but the session could not be tidied up; remove it with rm -r")
    }
  }
}

extension Sys {
  /// Gives a file away, unless it is as wanted already (an ordinary user may not give files away).
  static func give(_ file: SharedDescriptor, to owner: Owner) throws(Errno) {
    let now = try stat(file)
    if now.st_uid != owner.user || now.st_gid != owner.group { try chown(file, owner.user, owner.group) }
  }
}
