import Glibc
import StorageCore
import SystemPackage
import Testing

@Suite("What was planted in the storage root leads nowhere")
struct PlantedTests {
  /// A root with an outside folder that holds one file, which nothing may touch.
  private func withSecret(_ body: (TemporaryRoot, String) throws -> Void) throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.plant("../secret/keys", [1, 2, 3])
      try body(root, root.outside + "/secret")
      #expect(try root.list("../secret") == ["keys"])
      #expect(try root.bytes("../secret/keys") == [1, 2, 3])
    }
  }

  @Test("a link in place of a user's folder is not followed")
  func userFolder() throws {
    try withSecret { root, secret in
      try root.makeLink("images/user-7", to: secret)
      let storage = try root.storage()
      #expect(throws: StorageError.self) {
        try storage.saveFile([1], userID: "7", imageID: "a", fileExtension: "dcm")
      }
      #expect(throws: StorageError.self) { try storage.getFile("images/user-7/2026/11/keys") }
      #expect(try storage.getStorageStats().fileCount == 0)
      try storage.close()
    }
  }

  @Test("a link in place of a file is neither read nor written through")
  func file() throws {
    try withSecret { root, secret in
      try root.makeFolder("images/user-7/2026/11")
      try root.makeLink("images/user-7/2026/11/a.dcm", to: secret + "/keys")
      try root.makeLink("temp/processing/link", to: secret + "/keys")
      let storage = try root.storage()
      for path in ["images/user-7/2026/11/a.dcm", "temp/processing/link"] {
        #expect(throws: StorageError.self) { try storage.getFile(path) }
      }
      #expect(try storage.getStorageStats().fileCount == 0)
      try storage.saveChunk([9], sessionID: "S", index: 0)
      var request = CompletionRequest(.path(try StoragePath(parsing: "images/user-7/2026/11/a.dcm")))
      request.overwrite = true
      #expect(throws: StorageError.self) { try storage.assembleChunks(sessionID: "S", as: request) }
      #expect(root.exists("temp/uploads/S/chunk_0"))
      try storage.close()
    }
  }

  @Test("a link in place of a session is none")
  func session() throws {
    try withSecret { root, secret in
      try root.makeLink("temp/uploads/S", to: secret)
      let storage = try root.storage()
      #expect(throws: StorageError.self) { try storage.saveChunk([1], sessionID: "S", index: 0) }
      #expect(throws: StorageError.self) {
        try storage.assembleChunks(sessionID: "S", as: CompletionRequest(.workspace))
      }
      #expect(throws: StorageError.self) { try storage.cleanupSession("S") }
      try storage.close()
    }
  }

  @Test("a link in place of a chunk is not read")
  func chunk() throws {
    try withSecret { root, secret in
      try root.makeFolder("temp/uploads/S")
      try root.makeLink("temp/uploads/S/chunk_0", to: secret + "/keys")
      let storage = try root.storage()
      #expect(throws: StorageError.self) {
        try storage.assembleChunks(sessionID: "S", as: CompletionRequest(.workspace))
      }
      #expect(!root.exists("temp/processing/S"))
      try storage.close()
    }
  }

  @Test("a cleanup removes links, not what they lead to")
  func cleanup() throws {
    try withSecret { root, secret in
      try root.makeLink("temp/processing/folder", to: secret)
      try root.makeLink("temp/processing/file", to: secret + "/keys")
      for name in ["folder", "file"] { try root.age("temp/processing/\(name)", hours: 48) }
      let storage = try root.storage()
      #expect(storage.cleanupTempFiles().deleted == 2)
      #expect(try root.list("temp/processing") == [])
      try storage.close()
    }
  }

  @Test("a link in place of a documented folder is refused at the start")
  func documented() throws {
    try withSecret { root, secret in
      try root.remove("images")
      try root.makeLink("images", to: secret)
      let storage = try Storage(path: root.path)
      #expect(throws: StorageError.self) { try storage.initialize() }
    }
  }

  @Test("a fifo in place of an image keeps nobody waiting")
  func fifo() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try root.makeFolder("images/user-7/2026/11")
      #expect(mkfifo(root["images/user-7/2026/11/a.dcm"], 0o600) == 0)
      #expect(throws: StorageError.self) { try storage.getFile("images/user-7/2026/11/a.dcm") }
      try storage.close()
    }
  }
}
