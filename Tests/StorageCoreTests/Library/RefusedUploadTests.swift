import FoundationEssentials
import SystemPackage
import Testing

@testable import StorageCore

@Suite("A completion that is refused changes nothing, and works once repaired")
struct RefusedUploadTests {
  private static let target = "images/user-7/2026/11/a.dcm"

  /// Expects a marker to be refused with all as it was.
  private func refused(
    _ storage: Storage, _ root: TemporaryRoot, _ marker: String, _ errno: Errno, says: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try FileManager.default.subpathsOfDirectory(atPath: root.path).sorted()
    let stats = try storage.getStorageStats()
    refuses(errno, says: says, sourceLocation: sourceLocation) {
      _ = try storage.assembleChunks(sessionID: "S", as: CompletionRequest(marker: Array(marker.utf8)))
    }
    #expect(
      try FileManager.default.subpathsOfDirectory(atPath: root.path).sorted() == before, sourceLocation: sourceLocation)
    #expect(try Walk(storage.getStorageStats()) == Walk(stats), sourceLocation: sourceLocation)
    #expect(try storage.getStorageStats().activeSessions == 1, sourceLocation: sourceLocation)
  }

  private func completes(_ storage: Storage, _ root: TemporaryRoot, _ content: [UInt8]) throws {
    _ = try storage.assembleChunks(sessionID: "S", as: CompletionRequest(marker: Array(Self.target.utf8)))
    #expect(try storage.getFile(Self.target) == content)
    #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
  }

  @Test("because a chunk is missing, or their number differs")
  func missing() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1], sessionID: "S", index: 0)
      try storage.saveChunk([3], sessionID: "S", index: 2)
      try refused(storage, root, Self.target, .noData, says: "missing chunk 1")
      try refused(storage, root, "", .noData)
      try storage.saveChunk([2], sessionID: "S", index: 1)
      try refused(storage, root, #"{"path": "\#(Self.target)", "totalChunks": 4}"#, .noData)
      try completes(storage, root, [1, 2, 3])
      try storage.close()
    }
  }

  @Test("because the session is empty")
  func empty() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("temp/uploads/S")
      let storage = try root.storage()
      try refused(storage, root, Self.target, .noData, says: "no chunks")
      try storage.saveChunk([], sessionID: "S", index: 0)
      try completes(storage, root, [])
      try storage.close()
    }
  }

  @Test("because size or digest differ")
  func different() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1, 2], sessionID: "S", index: 0)
      try refused(storage, root, #"{"path": "\#(Self.target)", "size": 3}"#, .badMessage, says: "2 bytes")
      let digest = String(repeating: "0", count: 64)
      try refused(storage, root, #"{"path": "\#(Self.target)", "sha256": "\#(digest)"}"#, .badMessage, says: "SHA-256")
      try completes(storage, root, [1, 2])
      try storage.close()
    }
  }

  @Test("because the chunks on disk are not what they were when they were saved")
  func changedBehind() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1, 2], sessionID: "S", index: 0)
      try root.plant("temp/uploads/S/chunk_0", [1, 2, 3])
      refuses(.badMessage) {
        _ = try storage.assembleChunks(
          sessionID: "S", as: CompletionRequest(marker: Array(#"{"path": "\#(Self.target)", "size": 2}"#.utf8)))
      }
      #expect(!root.exists(Self.target))
      #expect(root.exists("temp/uploads/S/chunk_0"))
      try storage.close()
    }
  }

  @Test("because the target exists and is not to be replaced")
  func exists() throws {
    try TemporaryRoot.with { root in
      try root.plant(Self.target, [9, 9, 9])
      let storage = try root.storage()
      try storage.saveChunk([1, 2], sessionID: "S", index: 0)
      try refused(storage, root, Self.target, .fileExists, says: "overwrite")
      #expect(try root.bytes(Self.target) == [9, 9, 9])
      _ = try storage.assembleChunks(
        sessionID: "S", as: CompletionRequest(marker: Array(#"{"path": "\#(Self.target)", "overwrite": true}"#.utf8)))
      #expect(try root.bytes(Self.target) == [1, 2])
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("because the target is a folder, or below a file")
  func folders() throws {
    try TemporaryRoot.with { root in
      try root.plant("temp/processing/folder/file", [9])
      let storage = try root.storage()
      try storage.saveChunk([1, 2], sessionID: "S", index: 0)
      for overwrite in [false, true] {
        let marker = #"{"path": "temp/processing/folder", "overwrite": \#(overwrite)}"#
        #expect(throws: StorageError.self) {
          try storage.assembleChunks(sessionID: "S", as: CompletionRequest(marker: Array(marker.utf8)))
        }
      }
      #expect(throws: StorageError.self) {
        try storage.assembleChunks(
          sessionID: "S", as: CompletionRequest(marker: Array("temp/processing/folder/file/below".utf8)))
      }
      #expect(try root.bytes("temp/processing/folder/file") == [9])
      try completes(storage, root, [1, 2])
      try storage.close()
    }
  }

  @Test("because a chunk is being written")
  func busy() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1, 2], sessionID: "S", index: 0)
      try storage.saveChunk(sessionID: "S", index: 1) { writer throws(StorageError) in
        try writer.write([3])
        refuses(.resourceBusy, says: "chunk_1") {
          _ = try storage.assembleChunks(sessionID: "S", as: CompletionRequest(marker: Array(Self.target.utf8)))
        }
      }
      #expect(!root.exists(Self.target))
      try completes(storage, root, [1, 2, 3])
      try storage.close()
    }
  }

  @Test("because nobody opened such a session, or its name is none")
  func noSession() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      refuses(.noSuchFileOrDirectory) {
        _ = try storage.assembleChunks(sessionID: "S", as: CompletionRequest(.workspace))
      }
      for name in ["", "..", "a/b", ".x", "a b", String(repeating: "s", count: 129)] {
        #expect(throws: StorageError.self) { try storage.saveChunk([1], sessionID: name, index: 0) }
      }
      refuses(.invalidArgument) { try storage.saveChunk([1], sessionID: "S", index: ChunkIndex.largest + 1) }
      #expect(try root.list("temp/uploads") == [])
      #expect(try root.list(".mammofs/staging") == [])
      try storage.close()
    }
  }
}
