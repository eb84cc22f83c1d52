import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("Saving, reading and deleting a file")
struct FileTests {
  private func now() -> String {
    let (year, month) = Clock.yearAndMonth(at: Clock.now())
    return "\(year)/\(month < 10 ? "0" : "")\(month)"
  }

  @Test("an image is filed under its user and the present year and month")
  func saved() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      let path = try storage.saveFile([1, 2, 3], userID: "user-123", imageID: "scan", fileExtension: "dcm")
      #expect(path == "images/user-user-123/\(now())/scan.dcm")
      #expect(try root.bytes(path) == [1, 2, 3])
      #expect(try storage.getFile(path) == [1, 2, 3])
      #expect(try storage.getFile("/" + path) == [1, 2, 3])
      for folder in [
        "images/user-user-123", "images/user-user-123/" + now().prefix(4), "images/user-user-123/" + now(),
      ] {
        #expect(try root.stat(folder).st_mode & 0o7777 == 0o750)
      }
      #expect(try root.list(".mammofs/staging") == [])
      let plain = try storage.saveFile([], userID: "user-123", imageID: "IM000001", fileExtension: "")
      #expect(plain.hasSuffix("/IM000001"))
      #expect(try storage.getFile(plain) == [])
      try storage.close()
    }
  }

  @Test("a thumbnail is filed beside, and replaced when it is saved again")
  func thumbnail() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      let path = try storage.saveThumbnail([1, 2], userID: "7", imageID: "scan")
      #expect(path == "thumbnails/user-7/\(now())/scan_thumb.jpg")
      #expect(try storage.saveThumbnail([3], userID: "7", imageID: "scan") == path)
      #expect(try storage.getFile(path) == [3])
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("a large file is saved and read in pieces")
  func streamed() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      let piece = [UInt8](repeating: 7, count: 100_000)
      let path = try storage.saveFile(userID: "7", imageID: "scan", fileExtension: "dcm") {
        writer throws(StorageError) in
        for number in 0..<30 {
          try writer.write(piece)
          #expect(writer.size == Int64((number + 1) * piece.count))
        }
      }
      let reader = try storage.openFile(path)
      #expect(reader.size == 3_000_000)
      var total = 0
      while true {
        let bytes = try reader.read(upTo: 65_536)
        if bytes.isEmpty { break }
        #expect(bytes.allSatisfy { $0 == 7 })
        total += bytes.count
      }
      #expect(total == 3_000_000)
      try storage.close()
    }
  }

  @Test("an image that is there is replaced only when that is asked for")
  func overwriting() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      let path = try storage.saveFile([1, 2, 3], userID: "7", imageID: "a", fileExtension: "dcm")
      #expect(throws: StorageError.targetExists(path)) {
        try storage.saveFile([4], userID: "7", imageID: "a", fileExtension: "dcm")
      }
      #expect(try storage.getFile(path) == [1, 2, 3])
      #expect(try root.list(".mammofs/staging") == [])
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      _ = try storage.saveFile([4], userID: "7", imageID: "a", fileExtension: "dcm", overwriting: true)
      #expect(try storage.getFile(path) == [4])
      #expect(try storage.getStorageStats().images == Tally(size: 1, count: 1))
      try storage.close()
    }
  }

  @Test("a stream that fails leaves nothing behind")
  func failed() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      #expect(throws: StorageError.system(.ioError, doing: "reading a scanner")) {
        try storage.saveFile(userID: "7", imageID: "a", fileExtension: "dcm") { writer throws(StorageError) in
          try writer.write([1, 2, 3])
          throw .system(.ioError, doing: "reading a scanner")
        }
      }
      #expect(try root.list("images") == [])
      #expect(try root.list(".mammofs/staging") == [])
      #expect(try storage.getStorageStats().fileCount == 0)
      try storage.close()
    }
  }

  @Test("what no image may be called is refused, and nothing is made")
  func badNames() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      for (user, image, kind) in [
        ("", "a", "dcm"), ("7", "", ""), ("7", ".a", "dcm"), ("7", "", "dcm"), (".7", "a", "dcm"), ("a/b", "a", "dcm"),
        ("7", "a/b", "dcm"), ("7", "a", "d/m"), ("..", "a", "dcm"), ("7", "a\n", "dcm"), ("7", "..", ""),
      ] {
        refuses(.invalidArgument) { _ = try storage.saveFile([1], userID: user, imageID: image, fileExtension: kind) }
      }
      let long = String(repeating: "a", count: 252)
      refuses(.fileNameTooLong) { _ = try storage.saveFile([1], userID: "7", imageID: long, fileExtension: "dcm") }
      refuses(.invalidArgument) { _ = try storage.saveThumbnail([1], userID: "7", imageID: "") }
      refuses(.invalidArgument) { _ = try storage.saveThumbnail([1], userID: "7", imageID: "../a") }
      #expect(try root.list("images") == [])
      #expect(try root.list("thumbnails") == [])
      #expect(try root.list(".mammofs/staging") == [])
      try storage.close()
    }
  }

  @Test("a deleted file is gone, and so are its bytes from the figures")
  func deleted() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      let image = try storage.saveFile([1, 2, 3], userID: "7", imageID: "a", fileExtension: "dcm")
      let thumbnail = try storage.saveThumbnail([1], userID: "7", imageID: "a")
      try storage.deleteFile(image)
      #expect(!root.exists(image))
      refuses(.noSuchFileOrDirectory, says: image) { _ = try storage.getFile(image) }
      refuses(.noSuchFileOrDirectory) { try storage.deleteFile(image) }
      try storage.deleteFile(thumbnail)
      #expect(try storage.getStorageStats().totalSize == 0)
      #expect(try storage.getStorageStats().fileCount == 0)
      try storage.close()
    }
  }

  @Test(
    "only stored files are deleted and read",
    arguments: [
      "images", "images/user-7", "images/user-7/2026/11", ".stats", "temp/uploads/S/chunk_0", "temp/processing", "",
      "../outside", ".mammofs/lock",
    ])
  func notStored(path: String) throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1], sessionID: "S", index: 0)
      #expect(throws: StorageError.self) { try storage.deleteFile(path) }
      #expect(root.exists("temp/uploads/S/chunk_0"))
      #expect(root.exists(".mammofs/lock"))
      if path != "temp/uploads/S/chunk_0" { #expect(throws: StorageError.self) { try storage.getFile(path) } }
      try storage.close()
    }
  }
}
