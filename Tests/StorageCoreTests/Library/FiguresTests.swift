import Synchronization
import SystemPackage
import Testing

@testable import StorageCore

@Suite("The figures of a storage root equal a walk of it")
struct FiguresTests {
  /// A root with images, thumbnails and temporary files of several users.
  private func fill(_ root: TemporaryRoot, users: Int = 3, images: Int = 4) throws {
    for user in 0..<users {
      for image in 0..<images {
        let month = image % 2 == 0 ? "2026/01" : "2025/12"
        try root.plant("images/user-\(user)/\(month)/\(image).dcm", [UInt8](repeating: 1, count: 10 * image + user))
        try root.plant("thumbnails/user-\(user)/\(month)/\(image)_thumb.jpg", [UInt8](repeating: 1, count: image))
      }
    }
    try root.plant("temp/processing/a/b/c", [1, 2, 3])
    try root.plant("temp/uploads/S/chunk_0", [1, 2])
    try root.makeFolder("images/user-empty")
    try root.makeFolder("thumbnails/user-only-thumbnails/2026")
  }

  @Test("where no figures were left")
  func counted() throws {
    try TemporaryRoot.with { root in
      try fill(root)
      let storage = try root.storage()
      let stats = try storage.getStorageStats()
      #expect(!stats.isCounting)
      #expect(try Walk(stats) == Walk(of: root))
      #expect(stats.users == 5)
      #expect(stats.activeSessions == 1)
      #expect(stats.availableSpace > 0)
      #expect(try storage.getStorageStats(userID: "2").images == Tally(size: 68, count: 4))
      #expect(try storage.getStorageStats(userID: "2").thumbnails == Tally(size: 6, count: 4))
      #expect(try storage.getStorageStats(userID: "empty").fileCount == 0)
      #expect(try storage.getStorageStats(userID: "nobody").fileCount == 0)
      try storage.close()
    }
  }

  @Test("of a file with several names only once")
  func links() throws {
    try TemporaryRoot.with { root in
      try root.plant("temp/processing/a", [1, 2, 3])
      try root.makeFolder("temp/processing/folder")
      let file = try Sys.openFile(root["temp/processing/a"])
      let folder = try Sys.openFile(root["temp/processing/folder"])
      try Sys.link(file, to: "b", in: folder)
      let storage = try root.storage()
      #expect(try storage.getStorageStats().temp == Tally(size: 3, count: 1))
      try storage.deleteFile("temp/processing/a")
      #expect(try storage.getStorageStats().temp == Tally(size: 3, count: 1))
      try storage.deleteFile("temp/processing/folder/b")
      #expect(try storage.getStorageStats().temp == Tally())
      try storage.close()
    }
  }

  @Test("over a clean stop, without being counted again")
  func kept() throws {
    try TemporaryRoot.with { root in
      try fill(root)
      let first = try root.storage()
      _ = try first.saveFile([1, 2, 3], userID: "é", imageID: "a", fileExtension: "dcm")
      _ = try first.saveFile([1, 2], userID: "e\u{301}", imageID: "a", fileExtension: "dcm")
      let stats = try first.getStorageStats()
      try first.close()
      #expect(root.exists(".mammofs/usage.json"))
      // Something that only a count would find.
      try root.plant("temp/processing/planted", [1])
      let second = try Storage(path: root.path)
      try second.initialize()
      #expect(try !second.getStorageStats().isCounting)
      #expect(try Walk(second.getStorageStats()) == Walk(stats))
      #expect(try second.getStorageStats(userID: "é").images == Tally(size: 3, count: 1))
      #expect(try second.getStorageStats(userID: "e\u{301}").images == Tally(size: 2, count: 1))
      #expect(!root.exists(".mammofs/usage.json"))
      try second.close()
    }
  }

  @Test("after a stop that was not clean", arguments: ["", "{", "{\"version\": 2}", "null"])
  func counting(left: String) throws {
    try TemporaryRoot.with { root in
      try fill(root)
      try root.storage().close()
      try root.remove(".mammofs/usage.json")
      if !left.isEmpty { try root.plant(".mammofs/usage.json", Array(left.utf8)) }
      try root.plant("images/user-0/2026/01/later.dcm", [1, 2, 3])
      let storage = try root.storage()
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("after many changes of every kind")
  func changes() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      for round in 0..<20 {
        let user = "\(round % 3)"
        let size = [UInt8](repeating: 7, count: round * 13)
        let path = try storage.saveFile(size, userID: user, imageID: "\(round)", fileExtension: "dcm")
        _ = try storage.saveThumbnail(size, userID: user, imageID: "\(round % 5)")
        if round % 4 == 0 { try storage.deleteFile(path) }
        if round % 3 == 0 {
          try storage.saveChunk(size, sessionID: "S\(round)", index: 0)
          try storage.saveChunk(size, sessionID: "S\(round)", index: 1)
          if round % 2 == 0 {
            _ = try storage.assembleChunks(sessionID: "S\(round)", as: CompletionRequest(.workspace))
          }
          if round % 9 == 0 { try storage.cleanupSession("S\(round)") }
        }
      }
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
      try root.remove(".mammofs/usage.json")
      let counted = try root.storage()
      #expect(try Walk(counted.getStorageStats()) == Walk(of: root))
      try counted.close()
    }
  }

  @Test("even while files come and go during the count")
  func concurrent() async throws {
    try await TemporaryRoot.withAsync { root in
      for user in 0..<12 {
        for month in 1...9 { try root.plant("images/user-\(user)/2026/0\(month)/a.dcm", [1, 2, 3]) }
        for file in 0..<20 { try root.plant("temp/processing/\(user)/\(file)", [1, 2]) }
      }
      for round in 0..<3 {
        let storage = try Storage(path: root.path)
        try storage.initialize()
        try await withThrowingTaskGroup(of: Void.self) { group in
          for task in 0..<4 {
            group.addTask {
              for file in 0..<6 {
                let path = try storage.saveFile(
                  [1, 2, 3, 4], userID: "\(task)", imageID: "\(round)-\(file)", fileExtension: "dcm")
                if file % 2 == 0 { try storage.deleteFile(path) }
                try storage.deleteFile("temp/processing/\(task * 3 + round)/\(file)")
                _ = try storage.saveThumbnail([1], userID: "new-\(task)", imageID: "\(file)")
                try storage.saveChunk([1, 2], sessionID: "S\(task)", index: UInt64(file))
              }
            }
          }
          try await group.waitForAll()
        }
        storage.waitUntilCounted()
        let stats = try storage.getStorageStats()
        #expect(!stats.isCounting)
        #expect(try Walk(stats) == Walk(of: root))
        try storage.close()
        try root.remove(".mammofs/usage.json")
      }
    }
  }
}
