import Crypto
import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("A chunked upload")
struct UploadTests {
  private static let target = "images/user-7/2026/11/a.dcm"

  private func request(_ marker: String = Self.target) throws -> CompletionRequest {
    try CompletionRequest(marker: Array(marker.utf8))
  }

  @Test("chunks in any order become the file, in the order of their numbers")
  func order() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      for index in [10, 2, 0, 7, 1, 5, 3, 11, 4, 9, 8, 6] as [UInt64] {
        try storage.saveChunk([UInt8(index), UInt8(index)], sessionID: "S", index: index)
      }
      #expect(try storage.getStorageStats().activeSessions == 1)
      #expect(try storage.getStorageStats().temp == Tally(size: 24, count: 12))
      let record = try storage.assembleChunks(sessionID: "S", as: request())
      #expect(record == CompletionRecord(storagePath: Self.target, size: 24, chunks: 12, sha256: nil))
      #expect(try storage.getFile(Self.target) == (0..<12).flatMap { [$0, $0] })
      storage.chunkRemoval.wait()
      #expect(try root.list("temp/uploads/S") == [".complete"])
      #expect(try CompletionRecord(json: root.bytes("temp/uploads/S/.complete")) == record)
      #expect(try root.list(".mammofs/staging") == [])
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      #expect(try storage.getStorageStats().completedSessions == 1)
      try storage.close()
    }
  }

  @Test("a chunk that is saved again is replaced")
  func replaced() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1, 2, 3], sessionID: "S", index: 0)
      try storage.saveChunk([4], sessionID: "S", index: 1)
      try storage.saveChunk([9], sessionID: "S", index: 0)
      #expect(try storage.getStorageStats().temp == Tally(size: 2, count: 2))
      _ = try storage.assembleChunks(sessionID: "S", as: request())
      #expect(try storage.getFile(Self.target) == [9, 4])
      try storage.close()
    }
  }

  @Test("chunks come from streams, too, and a stream that fails leaves no chunk")
  func streamed() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk(sessionID: "S", index: 0) { writer throws(StorageError) in
        try writer.write([1])
        try writer.write([2])
      }
      #expect(throws: StorageError.self) {
        try storage.saveChunk(sessionID: "S", index: 1) { writer throws(StorageError) in
          try writer.write([3])
          throw .system(.ioError, doing: "receiving")
        }
      }
      #expect(try root.list("temp/uploads/S") == ["chunk_0"])
      #expect(try root.list(".mammofs/staging") == [])
      _ = try storage.assembleChunks(sessionID: "S", as: request(""))
      #expect(try storage.getFile("temp/processing/S") == [1, 2])
      try storage.close()
    }
  }

  @Test("size and digest are checked, and the digest is in the result")
  func checked() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      let whole = [UInt8]("a mammogram".utf8)
      try storage.saveChunk(Array(whole[..<5]), sessionID: "S", index: 0)
      try storage.saveChunk(Array(whole[5...]), sessionID: "S", index: 1)
      let digest = SHA256.hash(data: whole).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      let marker = #"{"path": "\#(Self.target)", "size": 11, "totalChunks": 2, "sha256": "\#(digest.uppercased())"}"#
      let record = try storage.assembleChunks(sessionID: "S", as: request(marker))
      #expect(record.sha256 == digest)
      #expect(try storage.getFile(Self.target) == whole)
      try storage.close()
    }
  }

  @Test("JSON with an ID files the image under the present year and month")
  func filed() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1], sessionID: "S", index: 0)
      let before = Clock.yearAndMonth(at: Clock.now())
      let record = try storage.assembleChunks(
        sessionID: "S", as: request(#"{"userId": "7", "imageId": "scan", "extension": "dcm"}"#))
      let after = Clock.yearAndMonth(at: Clock.now())
      let expected = try [before, after].map { year, month in
        try StoragePath(.images, userID: "7", year: year, month: month, fileName: "scan.dcm").description
      }
      #expect(expected.contains(record.storagePath))
      #expect(root.exists(record.storagePath))
      try storage.close()
    }
  }

  @Test("the same completion again succeeds and changes nothing; a different one is refused")
  func again() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1, 2], sessionID: "S", index: 0)
      let record = try storage.assembleChunks(sessionID: "S", as: request())
      let before = try root.stat(Self.target)
      #expect(try storage.assembleChunks(sessionID: "S", as: request()) == record)
      let after = try root.stat(Self.target)
      #expect(before.st_ino == after.st_ino)
      #expect(before.st_ctim.tv_sec == after.st_ctim.tv_sec)
      #expect(before.st_ctim.tv_nsec == after.st_ctim.tv_nsec)
      refuses(.notPermitted, says: Self.target) {
        _ = try storage.assembleChunks(sessionID: "S", as: request("temp/processing/b"))
      }
      refuses(.notPermitted) { try storage.saveChunk([3], sessionID: "S", index: 1) }
      #expect(!root.exists("temp/processing/b"))
      #expect(!root.exists("temp/uploads/S/chunk_1"))
      try storage.close()
    }
  }

  @Test("a session is found again by the next run, and its result, too")
  func nextRun() throws {
    try TemporaryRoot.with { root in
      let first = try root.storage()
      try first.saveChunk([2], sessionID: "S", index: 1)
      try first.close()
      let second = try root.storage()
      #expect(try second.getStorageStats().activeSessions == 1)
      try second.saveChunk([1], sessionID: "S", index: 0)
      let record = try second.assembleChunks(sessionID: "S", as: request())
      try second.close()
      let third = try root.storage()
      #expect(try third.getFile(Self.target) == [1, 2])
      #expect(try third.getStorageStats().completedSessions == 1)
      #expect(try third.assembleChunks(sessionID: "S", as: request()) == record)
      #expect(try Walk(third.getStorageStats()) == Walk(of: root))
      try third.close()
    }
  }

  @Test("two completions at once make one file; only one wins where they differ")
  func racing() async throws {
    try await TemporaryRoot.withAsync { root in
      let storage = try root.storage()
      for round in 0..<5 {
        let session = "S\(round)"
        for index in 0..<8 as Range<UInt64> {
          try storage.saveChunk([UInt8](repeating: UInt8(index), count: 5000), sessionID: session, index: index)
        }
        let requests = try (0..<4).map { try request("temp/processing/\(round)-\($0 % 2)") }
        let results = await withTaskGroup(of: CompletionRecord?.self) { group in
          for request in requests {
            group.addTask { try? storage.assembleChunks(sessionID: session, as: request) }
          }
          return await group.reduce(into: []) { $0.append($1) }
        }
        let done = Set(results.compactMap { $0 })
        #expect(done.count == 1)
        let made = ["temp/processing/\(round)-0", "temp/processing/\(round)-1"].filter(root.exists)
        #expect(made == done.map(\.storagePath))
      }
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("chunks saved at once by many are all there")
  func parallel() async throws {
    try await TemporaryRoot.withAsync { root in
      let storage = try root.storage()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in (0..<40 as Range<UInt64>).shuffled() {
          group.addTask {
            try storage.saveChunk([UInt8](repeating: UInt8(index), count: 100), sessionID: "S", index: index)
          }
        }
        try await group.waitForAll()
      }
      _ = try storage.assembleChunks(sessionID: "S", as: request())
      #expect(try storage.getFile(Self.target) == (0..<40).flatMap { [UInt8](repeating: $0, count: 100) })
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("a session that is cleaned up is gone with its chunks")
  func cleanedUp() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1], sessionID: "S", index: 0)
      try storage.saveChunk([1], sessionID: "T", index: 0)
      try storage.cleanupSession("S")
      #expect(try root.list("temp/uploads") == ["T"])
      refuses(.noSuchFileOrDirectory) { try storage.cleanupSession("S") }
      refuses(.noSuchFileOrDirectory) { _ = try storage.assembleChunks(sessionID: "S", as: request()) }
      #expect(try storage.getStorageStats().temp == Tally(size: 1, count: 1))
      try storage.saveChunk([2], sessionID: "S", index: 0)
      _ = try storage.assembleChunks(sessionID: "S", as: request())
      try storage.cleanupSession("S")
      #expect(try storage.getFile(Self.target) == [2])
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("a chunk whose bytes went elsewhere in a write that failed is joined from there")
  func broughtHome() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1, 2, 3], sessionID: "S", index: 0)
      try storage.saveChunk([4, 5, 6], sessionID: "S", index: 1)
      let session = try #require(storage.uploads.session(FileName("S")))
      let descriptor = SharedDescriptor(Descriptor(owning: open(root["temp/uploads/S/chunk_0"], O_RDWR)))
      let chunk = try session.file(FileIdentity(Sys.stat(descriptor)), descriptor)
      #expect(chunk.place == 0)
      // As a write does that would reach into the next chunk. Nothing is told to the session.
      try chunk.bringHome()
      // What a release says that looked before that.
      session.saved(FileName("chunk_0"), size: 3, place: 0)
      _ = try storage.assembleChunks(sessionID: "S", as: request())
      #expect(try storage.getFile(Self.target) == [1, 2, 3, 4, 5, 6])
    }
  }
}
