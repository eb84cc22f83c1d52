import FoundationEssentials
import Glibc
import StorageCore
import SystemPackage
import Testing

@Suite("Initializing a storage")
struct InitializeTests {
  private static let folders = ["images", "thumbnails", "temp", "temp/uploads", "temp/processing"]

  @Test("makes the documented folders, of mode 0750 whatever the umask leaves")
  func folders() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      for folder in Self.folders {
        #expect(try root.stat(folder).st_mode == S_IFDIR | 0o750, "\(folder)")
      }
      #expect(try root.stat("").st_mode == S_IFDIR | 0o750)
      #expect(try root.list("") == [".mammofs", "images", "temp", "thumbnails"])
      try storage.close()
    }
  }

  @Test("keeps what is there, and its modes")
  func again() throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.plant("images/user-7/2026/11/a.dcm", [1, 2, 3])
      #expect(chmod(root["images"], 0o770) == 0)
      let storage = try root.storage()
      #expect(try storage.getFile("images/user-7/2026/11/a.dcm") == [1, 2, 3])
      #expect(try root.stat("images").st_mode & 0o7777 == 0o770)
      try storage.close()
    }
  }

  @Test("refuses a root that somebody has, and says who")
  func second() throws {
    try TemporaryRoot.with { root in
      let first = try Storage(path: root.path)
      try first.initialize(as: "the mount at /mnt/scans")
      let second = try Storage(path: root.path)
      refuses(.resourceBusy, says: "the mount at /mnt/scans") { try second.initialize(as: "a test") }
      // The first is none the worse for it.
      _ = try first.saveFile([1], userID: "7", imageID: "a", fileExtension: "dcm")
      try first.close()
      try second.initialize(as: "a test")
      try second.close()
    }
  }

  @Test("resolves a relative or linked path once")
  func resolved() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("")
      #expect(symlink(root.path, root.outside + "/link") == 0)
      let storage = try Storage(path: root.outside + "/link")
      #expect(storage.path == root.path)
    }
  }

  @Test("refuses what is no folder")
  func noFolder() throws {
    try TemporaryRoot.with { root in
      #expect(FileManager.default.createFile(atPath: root.path, contents: nil))
      refuses(.notDirectory, says: root.path) { _ = try Storage(path: root.path) }
      refuses(.noSuchFileOrDirectory) { _ = try Storage(path: root.outside + "/missing/root") }
    }
  }

  @Test("comes before anything else")
  func uninitialized() throws {
    try TemporaryRoot.with { root in
      let storage = try Storage(path: root.path)
      #expect(throws: StorageError.self) {
        try storage.saveFile([1], userID: "7", imageID: "a", fileExtension: "dcm")
      }
      #expect(throws: StorageError.self) { try storage.saveChunk([1], sessionID: "S", index: 0) }
    }
  }

  @Test("a closed storage saves no more, and can be closed again")
  func closed() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.close()
      try storage.close()
      #expect(throws: StorageError.self) {
        try storage.saveFile([1], userID: "7", imageID: "a", fileExtension: "dcm")
      }
      #expect(try root.list("images") == [])
    }
  }

  @Test("tells the free space, and whether a size fits")
  func space() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      #expect(try storage.availableSpace() > 0)
      #expect(try storage.hasEnoughSpace(0))
      #expect(try storage.hasEnoughSpace(1))
      #expect(try !storage.hasEnoughSpace(.max))
      try storage.close()
    }
  }
}
