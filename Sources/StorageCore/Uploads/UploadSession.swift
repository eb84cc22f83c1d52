internal import Glibc
internal import Synchronization
internal import SystemPackage

/// One chunked upload: `temp/uploads/{sessionId}/`.
///
/// Whoever writes a chunk says so before (``opened(_:)``) and after
/// (``closed(_:wasClosing:)``), so that no completion starts on half a chunk.
package final class UploadSession: Sendable {
  package let name: FileName
  let state: Monitor<SessionState>
  let data: SessionData
  /// The chunks that are open, so that all who have one agree on where its bytes are.
  let files = Mutex<[FileIdentity: WeakChunkFile]>([:])

  struct WeakChunkFile { weak var value: ChunkFile? }

  init(name: FileName, data: SessionData, lastActivity: Int64) {
    self.name = name
    self.data = data
    state = Monitor(SessionState(at: lastActivity))
  }

  /// Takes over what an earlier run left.
  ///
  /// - Parameters:
  ///   - inUse: parts of the data file that open chunks have.
  ///   - trimming: what no chunk has is taken away.
  func restore(
    chunks: [ChunkSet.Chunk], record: CompletionRecord?, inUse: [Range<Int64>] = [], trimming: Bool = true
  ) throws(Errno) {
    let used = state.change { state in
      for range in inUse where !range.isEmpty { state.chunks.placement.occupy(range) }
      for chunk in chunks {
        guard let index = try? state.chunks.check(chunk.name) else { continue }
        state.chunks.restore(chunk, index)
      }
      if let record { state.phase = .complete(record, since: state.lastActivity) }
      return state.chunks.placement.used
    }
    if trimming { try data.trim(to: used) }
  }

  /// A chunk is about to be created, opened for writing, or renamed to.
  package func opened(_ chunk: FileName) throws(StorageError) {
    try state.change { state throws(StorageError) in try state.opened(chunk, at: Clock.now()) }
  }

  /// A writer's process has closed it, or (false) gone on writing after all through a duplicate.
  package func closing(_ chunk: FileName, _ isClosing: Bool = true) {
    state.change { $0.closing(chunk, isClosing) }
  }

  /// A writer is done.
  package func closed(_ chunk: FileName, wasClosing: Bool) {
    state.change { $0.closed(chunk, wasClosing: wasClosing, at: Clock.now()) }
  }

  /// A chunk is in the session's folder, `size` bytes long.
  ///
  /// - Parameter place: where its bytes are in the data file; `nil` where they are in its own.
  package func saved(_ chunk: FileName, size: Int64, place: Int64?) {
    state.change { state in
      if let index = try? ChunkIndex(chunk) { state.chunks.save(chunk, index, size: size, place: place) }
      state.lastActivity = Clock.now()
    }
  }

  /// What was written of a chunk is not kept.
  package func dropped(_ chunk: FileName) {
    state.change { state in
      if let index = try? ChunkIndex(chunk) { state.chunks.remove(index) }
    }
  }

  /// A chunk is gone from the session's folder.
  package func removed(_ chunk: FileName) {
    state.change { state in
      state.removed(chunk)
      state.lastActivity = Clock.now()
    }
  }

  /// Whether a file may be renamed to a chunk's name; `source` is its name where it is a chunk already.
  package func checkRenaming(_ source: FileName?, to chunk: FileName) throws(StorageError) {
    try state.withLock { state throws(StorageError) in
      var after = state
      if let source {
        after.removed(source)
        after.writers[source] = nil
      }
      try after.checkWriting(chunk)
    }
  }

  /// A file that is being written became a chunk by a rename, or became another.
  ///
  /// - Parameter isClosing: its process has closed it already.
  package func adopted(_ chunk: FileName, isClosing: Bool) {
    state.change { state in
      state.writers[chunk, default: SessionState.Writers()].open += 1
      if isClosing { state.closing(chunk, true) }
    }
  }

  /// Something happens in it that is no change of a chunk.
  package func touched() { state.change { $0.lastActivity = Clock.now() } }

  /// Does what takes bytes away from the session; no completion begins meanwhile, and none is under way.
  ///
  /// - Parameter finished: what a finished session has left of its chunks may go, too; a completion that is under way
  ///   is waited for.
  package func changing<Result>(finished: Bool = false, _ body: () throws -> Result) throws -> Result {
    if finished { _ = waitForRecord() }
    try state.change { state throws(StorageError) in try state.beginChanging(finished: finished) }
    defer { state.change { $0.endMoving() } }
    return try body()
  }

  /// As ``changing(_:)``, for one that is to go, finished or not.
  ///
  /// - Parameter activity: when something last happened in it; `nil` is returned if something has since, as where it
  ///   has gone already.
  func ending<Result>(
    ifIdleSince activity: Int64? = nil, _ body: () throws(Errno) -> Result?
  ) throws(Errno) -> Result? {
    let (isIdle, mayEnd) = state.change { state in
      let isIdle = activity.map { state.lastActivity == $0 && state.writers.isEmpty } ?? true
      return (isIdle && !state.hasEnded && !state.isEnding, isIdle && state.beginEnding())
    }
    guard isIdle else { return nil }
    guard mayEnd else { throw .resourceBusy }
    defer { state.change { $0.endEnding() } }
    return try body()
  }

  /// Chunks may be removed and renamed only while the session receives.
  package func checkReceiving() throws(StorageError) {
    try state.withLock { state throws(StorageError) in try state.checkReceiving() }
  }

  /// Notes why a completion was refused, for `.stats`.
  package func refused(_ error: StorageError) { state.change { $0.refuse(error, at: Clock.now()) } }

  package var record: CompletionRecord? {
    state.withLock { if case .complete(let record, _) = $0.phase { record } else { nil } }
  }

  package var isAssembling: Bool {
    state.withLock { if case .assembling = $0.phase { true } else { false } }
  }

  /// Whether something is under way that a completion waits for, however long it takes.
  var isSettling: Bool { state.withLock { $0.isSettling } }

  /// Waits for a completion under way, and returns the record of a completed session.
  package func waitForRecord() -> CompletionRecord? {
    let record: CompletionRecord?? = state.wait(until: nil) { state, _ in
      switch state.phase {
      case .assembling: nil
      case .complete(let record, _): .some(record)
      case .receiving, .ended: .some(nil)
      }
    }
    return record ?? nil
  }

  package var hasChunks: Bool { state.withLock { $0.chunks.count > 0 || !$0.writers.isEmpty } }

  /// When something last happened in it, and whether something is happening; for cleaning up.
  var activity: (last: Int64, isBusy: Bool, completeSince: Int64?) {
    state.withLock { state in
      var since: Int64?
      if case .complete(_, let moment) = state.phase { since = moment }
      let assembling = if case .assembling = state.phase { true } else { false }
      // Of an upload whose image may not be on disk the chunks are all that is certain.
      let isBusy = assembling || !state.writers.isEmpty || state.unfinished != nil
      return (state.lastActivity, isBusy, since)
    }
  }

  /// The folder is gone: nothing more can be done with it.
  func end() { state.change { $0.phase = .ended } }

  /// `temp/uploads/S/.stats`
  package var json: String {
    state.withLock { state in
      var chunks = state.chunks.count
      var bytes = state.chunks.bytes
      if case .complete(let record, _) = state.phase { (chunks, bytes) = (record.chunks, record.size) }
      let error = state.error.map { JSONText.string("\($0.errno.symbol): \($0.advice)") } ?? "null"
      return """
        {
          "state": "\(state.phaseName)",
          "chunks": \(chunks),
          "bytes": \(bytes),
          "missing": [\(state.chunks.missingAsJSON)],
          "lastActivity": "\(Clock.timestamp(at: state.lastActivity))",
          "error": \(error)
        }

        """
    }
  }
}
