internal import SystemPackage

/// What an upload session is doing, and the rules of what may come next.
///
/// A value: it lives in the session's monitor, and its steps make no system call.
struct SessionState: Sendable {
  enum Phase: Sendable {
    case receiving
    case assembling(CompletionRequest)
    /// `since` in seconds since 1970.
    case complete(CompletionRecord, since: Int64)
    /// Its folder is gone.
    case ended
  }

  var phase = Phase.receiving
  var chunks = ChunkSet()
  /// How many threads are moving chunks to where they belong.
  var moving = 0
  /// Its folder is about to go.
  var isEnding = false
  /// The session is complete, and its chunks are going.
  var isLosingChunks = false
  /// What is left to do of a completion whose image has its name, but perhaps not on disk.
  var unfinished: UnfinishedCompletion?
  /// Chunks that are open for writing.
  var writers: [FileName: Writers] = [:]
  /// Seconds since 1970.
  var lastActivity: Int64
  /// Why the last completion was refused.
  var error: StorageError?

  struct Writers: Sendable {
    var open = 0
    /// Those of them that have been closed by their process, and whose release is under way.
    var closing = 0
  }

  init(at moment: Int64) { lastActivity = moment }

  var isReceiving: Bool { if case .receiving = phase { true } else { false } }

  /// Something is under way that ends by itself, however long it takes.
  var isSettling: Bool { if case .assembling = phase { true } else { moving > 0 } }

  /// The name in `.stats`.
  var phaseName: String {
    switch phase {
    case .receiving: "receiving"
    case .assembling: "assembling"
    case .complete, .ended: "complete"
    }
  }

  /// Chunks may come and go only while the session receives.
  func checkReceiving() throws(StorageError) {
    switch phase {
    case .receiving: return
    case .assembling: throw .completing("another file")
    case .complete(let record, _): throw .completed(record.storagePath)
    case .ended: throw .system(.noSuchFileOrDirectory, doing: "using a session that is gone")
    }
  }

  /// Whether `name` may be written now.
  func checkWriting(_ name: FileName) throws(StorageError) {
    try checkReceiving()
    let index = try chunks.check(name)
    for other in writers.keys where other != name {
      guard let otherIndex = try? ChunkIndex(other) else { continue }
      if otherIndex == index { throw .chunkSpelledTwice(name.description, present: other.description) }
      if otherIndex.spelling != index.spelling {
        throw .badName(name.description, rule: "one session names its chunks by numbers or by letters, not by both")
      }
    }
  }

  mutating func opened(_ name: FileName, at moment: Int64) throws(StorageError) {
    // What would be saved now would go with it.
    if isEnding { throw .system(.noSuchFileOrDirectory, doing: "using a session that is being removed") }
    try checkWriting(name)
    writers[name, default: Writers()].open += 1
    lastActivity = moment
  }

  mutating func closing(_ name: FileName, _ isClosing: Bool) {
    writers[name]?.closing += isClosing ? 1 : -1
  }

  mutating func closed(_ name: FileName, wasClosing: Bool, at moment: Int64) {
    guard var entry = writers[name] else { return }
    entry.open -= 1
    if wasClosing { entry.closing -= 1 }
    writers[name] = entry.open > 0 ? entry : nil
    lastActivity = moment
  }

  /// What a completion has to do next.
  enum Step: Sendable {
    /// It has begun; the chunks are these.
    case assemble([ChunkSet.Chunk])
    /// It was done before.
    case done(CompletionRecord)
    /// The image has its name, and this is left to do.
    case settle(CompletionRecord, UnfinishedCompletion)
    /// Something is under way that ends by itself: ask again after a change.
    case wait
  }

  /// Begins a completion, or says why not. `late` tells that there is no more time to wait for a close.
  mutating func begin(
    _ request: CompletionRequest, session: FileName, late: Bool
  ) throws(StorageError) -> Step {
    switch phase {
    case .receiving: break
    case .assembling(request): return .wait
    case .assembling(let other):
      throw .completing((try? other.path(session: session, at: lastActivity).description) ?? "another file")
    case .complete(let record, _):
      guard request.isSatisfied(by: record, session: session) else { throw .completed(record.storagePath) }
      guard let unfinished else { return .done(record) }
      phase = .assembling(request)
      error = nil
      return .settle(record, unfinished)
    case .ended: throw .system(.noSuchFileOrDirectory, doing: "completing a session that is gone")
    }
    // It ends by itself, and soon.
    if moving > 0 { return .wait }
    if let name = writers.keys.first {
      // Only a close that has been made already is worth waiting for.
      guard !late, writers.values.allSatisfy({ $0.open == $0.closing }) else { throw .chunkOpen(name.description) }
      return .wait
    }
    try chunks.check(against: request)
    phase = .assembling(request)
    error = nil
    return .assemble(chunks.inOrder)
  }

  /// Chunks to be moved to where they belong, with whom nobody is busy; ``endMoving()`` follows where there are any.
  mutating func beginMoving() -> [(chunk: ChunkSet.Chunk, place: Int64)] {
    guard isReceiving else { return [] }
    let movable = chunks.movable.filter { writers[$0.chunk.name] == nil }
    if !movable.isEmpty { moving += 1 }
    return movable
  }

  /// A chunk was moved, unless it was written again meanwhile.
  mutating func moved(_ chunk: ChunkSet.Chunk, to place: Int64) {
    guard writers[chunk.name] == nil, let index = try? ChunkIndex(chunk.name), chunks.chunks[index.value] == chunk
    else {
      return
    }
    chunks.save(chunk.name, index, size: chunk.size, place: place)
  }

  mutating func endMoving() { moving -= 1 }

  /// A chunk is about to go; ``endMoving()`` follows.
  mutating func beginChanging(finished: Bool) throws(StorageError) {
    if case .complete = phase, finished {} else { try checkReceiving() }
    moving += 1
  }

  /// The session is about to go; false where a completion is under way, or where it has gone: its name may be another's.
  mutating func beginEnding() -> Bool {
    switch phase {
    case .assembling, .ended: return false
    case .receiving, .complete:
      guard !isEnding else { return false }
      isEnding = true
      moving += 1
      return true
    }
  }

  /// It has gone, or stays after all.
  mutating func endEnding() {
    isEnding = false
    moving -= 1
  }

  var hasEnded: Bool { if case .ended = phase { true } else { false } }

  /// A chunk has no name any more. Whoever still has it open is told apart: by then the name may have other writers.
  mutating func removed(_ chunk: FileName) {
    if let index = try? ChunkIndex(chunk), chunks.chunks[index.value]?.name == chunk { chunks.remove(index) }
  }

  mutating func finish(_ record: CompletionRecord, _ unfinished: UnfinishedCompletion? = nil, at moment: Int64) {
    phase = .complete(record, since: moment)
    self.unfinished = unfinished
    if let unfinished { error = unfinished.failure }
    chunks.removeAll()
    lastActivity = moment
  }

  /// A completion that had begun is given up.
  mutating func giveUp(_ error: StorageError, at moment: Int64) {
    phase = .receiving
    refuse(error, at: moment)
  }

  /// A completion was refused; one under way goes on.
  mutating func refuse(_ error: StorageError, at moment: Int64) {
    self.error = error
    lastActivity = moment
  }
}

/// A completion that the disk refused after the image had got its name. The note of it and the chunks stay, so that a
/// start after a power cut finds either the image or all that it takes to make it.
struct UnfinishedCompletion: Sendable {
  let chunks: [ChunkSet.Chunk]
  let failure: StorageError
}
