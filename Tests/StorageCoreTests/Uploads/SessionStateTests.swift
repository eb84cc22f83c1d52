import SystemPackage
import Testing

@testable import StorageCore

@Suite("What an upload session may do next")
struct SessionStateTests {
  private let image = CompletionRequest(.filed(userID: "7", fileName: "a.dcm"))
  private let record = CompletionRecord(storagePath: "images/user-7/2026/11/a.dcm", size: 3, chunks: 1, sha256: nil)

  /// A session with one chunk of three bytes.
  private func received() throws -> SessionState {
    var state = SessionState(at: 100)
    try state.opened("chunk_0", at: 101)
    state.chunks.save("chunk_0", ChunkIndex(value: 0), size: 3, place: nil)
    state.closed("chunk_0", wasClosing: false, at: 102)
    return state
  }

  private func complete() throws -> SessionState {
    var state = try received()
    _ = try state.begin(image, session: "S", late: false)
    state.finish(record, at: 200)
    return state
  }

  @Test("it receives, assembles and is complete")
  func phases() throws {
    var state = try received()
    #expect(state.phaseName == "receiving")
    guard case .assemble(let chunks) = try state.begin(image, session: "S", late: false) else {
      Issue.record("the completion did not begin")
      return
    }
    #expect(chunks == [ChunkSet.Chunk(name: "chunk_0", size: 3, place: nil)])
    #expect(state.phaseName == "assembling")
    state.finish(record, at: 200)
    #expect(state.phaseName == "complete")
    #expect(state.chunks.count == 0)
    #expect(state.lastActivity == 200)
  }

  @Test("a close under way is waited for, until it is late")
  func waitsForClose() throws {
    var state = try received()
    try state.opened("chunk_0", at: 103)
    state.closing("chunk_0", true)
    guard case .wait = try state.begin(image, session: "S", late: false) else {
      Issue.record("the completion did not wait")
      return
    }
    #expect(throws: StorageError.chunkOpen("chunk_0")) { try state.begin(image, session: "S", late: true) }
    state.closed("chunk_0", wasClosing: true, at: 104)
    guard case .assemble = try state.begin(image, session: "S", late: false) else {
      Issue.record("the completion did not begin")
      return
    }
  }

  @Test("a chunk that is open for writing is EBUSY at once")
  func chunkOpen() throws {
    var state = try received()
    try state.opened("chunk_1", at: 103)
    refuses(.resourceBusy, says: "chunk_1 is still open") { _ = try state.begin(image, session: "S", late: false) }
    #expect(state.isReceiving)
    // One of two writers closes; the other goes on.
    try state.opened("chunk_1", at: 103)
    state.closing("chunk_1", true)
    refuses(.resourceBusy) { _ = try state.begin(image, session: "S", late: false) }
    // A close that was not the last.
    state.closing("chunk_1", true)
    state.closing("chunk_1", false)
    refuses(.resourceBusy) { _ = try state.begin(image, session: "S", late: false) }
  }

  @Test("the same marker again waits for the first and then is done")
  func again() throws {
    var state = try received()
    _ = try state.begin(image, session: "S", late: false)
    guard case .wait = try state.begin(image, session: "S", late: false) else {
      Issue.record("the second completion did not wait")
      return
    }
    state.finish(record, at: 200)
    guard case .done(let done) = try state.begin(image, session: "S", late: false) else {
      Issue.record("the second completion was not done")
      return
    }
    #expect(done == record)
  }

  @Test("a different marker meanwhile is EBUSY, and afterwards the session is closed")
  func different() throws {
    var state = try received()
    _ = try state.begin(image, session: "S", late: false)
    refuses(.resourceBusy, says: "a.dcm") {
      _ = try state.begin(CompletionRequest(.workspace), session: "S", late: false)
    }
    #expect(state.phaseName == "assembling")
    state.finish(record, at: 200)
    #expect(throws: StorageError.completed(record.storagePath)) {
      try state.begin(CompletionRequest(.workspace), session: "S", late: false)
    }
  }

  @Test("a refused completion leaves it receiving, with the reason kept")
  func refused() throws {
    var state = try received()
    _ = try state.begin(image, session: "S", late: false)
    state.giveUp(.targetExists("images/user-7/2026/11/a.dcm"), at: 150)
    #expect(state.isReceiving)
    #expect(state.error == .targetExists("images/user-7/2026/11/a.dcm"))
    #expect(state.chunks.count == 1)
    try state.opened("chunk_1", at: 151)
    state.closed("chunk_1", wasClosing: false, at: 151)
    guard case .assemble = try state.begin(image, session: "S", late: false) else {
      Issue.record("the completion did not begin again")
      return
    }
    #expect(state.error == nil)
  }

  @Test("a marker that is refused does not touch a completion under way or done")
  func refusedMeanwhile() throws {
    var state = try received()
    _ = try state.begin(image, session: "S", late: false)
    state.refuse(.badMarker("the marker is not UTF-8"), at: 150)
    #expect(state.phaseName == "assembling")
    state = try complete()
    state.refuse(.completed(record.storagePath), at: 201)
    #expect(state.phaseName == "complete")
  }

  @Test("no chunk comes or goes while it assembles or after")
  func chunksLater() throws {
    var state = try received()
    _ = try state.begin(image, session: "S", late: false)
    refuses(.resourceBusy) { try state.opened("chunk_1", at: 103) }
    refuses(.resourceBusy) { try state.checkReceiving() }
    state = try complete()
    refuses(.notPermitted, says: record.storagePath) { try state.opened("chunk_1", at: 201) }
    refuses(.notPermitted) { try state.checkReceiving() }
    state.phase = .ended
    refuses(.noSuchFileOrDirectory) { try state.opened("chunk_1", at: 202) }
    refuses(.noSuchFileOrDirectory) { _ = try state.begin(image, session: "S", late: false) }
    let goesAgain = state.beginEnding()
    #expect(!goesAgain)
  }

  @Test("two chunks being written cannot be one, nor spelled in two ways")
  func writers() throws {
    var state = SessionState(at: 100)
    try state.opened("chunk_7", at: 101)
    refuses(.fileExists, says: "chunk_7") { try state.opened("chunk_007", at: 102) }
    refuses(.invalidArgument) { try state.opened("chunk_ab", at: 102) }
    try state.opened("chunk_7", at: 102)
    try state.opened("chunk_8", at: 102)
    #expect(state.writers.keys.sorted { $0.description < $1.description } == ["chunk_7", "chunk_8"])
    state.closed("chunk_7", wasClosing: false, at: 103)
    state.closed("chunk_7", wasClosing: false, at: 103)
    state.closed("chunk_8", wasClosing: false, at: 103)
    #expect(state.writers.isEmpty)
    #expect(state.lastActivity == 103)
  }

  @Test("a session without chunks, or with gaps, is not begun")
  func gaps() throws {
    var state = SessionState(at: 100)
    refuses(.noData) { _ = try state.begin(image, session: "S", late: false) }
    state.chunks.save("chunk_1", ChunkIndex(value: 1), size: 3, place: nil)
    refuses(.noData, says: "missing chunk 0") { _ = try state.begin(image, session: "S", late: false) }
    #expect(state.isReceiving)
  }
}
