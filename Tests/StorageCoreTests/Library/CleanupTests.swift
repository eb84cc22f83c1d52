import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("A cleanup")
struct CleanupTests {
  /// A storage with an old and a young file of each kind.
  private func withFiles(_ body: (TemporaryRoot, Storage) throws -> Void) throws {
    try TemporaryRoot.with { root in
      try root.plant("temp/processing/old", [1, 2])
      try root.plant("temp/processing/young", [1])
      try root.plant("temp/processing/old-folder/sub/file", [1, 2, 3])
      try root.plant("temp/processing/mixed/old", [1])
      try root.plant("temp/processing/mixed/young", [1])
      try root.plant("temp/uploads/old/chunk_0", [1, 2])
      try root.plant("temp/uploads/old/chunk_1", [1, 2])
      try root.plant("temp/uploads/young/chunk_0", [1])
      try root.plant("temp/uploads/mixed/chunk_0", [1])
      try root.plant("temp/uploads/mixed/chunk_1", [1])
      try root.plant("images/user-7/2020/01/old.dcm", [1])
      for path in [
        "temp/processing/old", "temp/processing/old-folder/sub/file", "temp/processing/old-folder/sub",
        "temp/processing/old-folder", "temp/processing/mixed/old", "temp/processing/mixed", "temp/uploads/old/chunk_0",
        "temp/uploads/old/chunk_1", "temp/uploads/old", "temp/uploads/mixed/chunk_0", "temp/uploads/mixed",
        "images/user-7/2020/01/old.dcm", "images/user-7/2020/01",
      ] { try root.age(path, hours: 25) }
      let storage = try root.storage()
      try body(root, storage)
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("goes as deep as the folders do, and so does a count")
  func deep() throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.remove(".mammofs/usage.json")
      try root.withDeepTree(in: "temp/processing") { _ throws in
        let storage = try root.storage()
        #expect(try storage.getStorageStats().temp == Tally(size: 3, count: 1))
        #expect(storage.cleanupTempFiles(dryRun: true).failures == [])
        let report = storage.cleanupTempFiles()
        #expect(report == CleanupReport())
        let later = storage.cleanupTempFiles(at: Clock.now() + 48 * 3600)
        #expect(later.deleted == 1 && later.bytes == 3 && later.failures == [])
        #expect(try root.list("temp/processing") == [])
        #expect(try storage.getStorageStats().temp == Tally())
        try storage.close()
      }
    }
  }

  @Test("deletes what is idle for longer than a day, and says how many files that were")
  func idle() throws {
    try withFiles { root, storage throws in
      let report = storage.cleanupTempFiles()
      #expect(report.failures == [])
      #expect(report.deleted == 4)
      #expect(report.bytes == 9)
      #expect(report.sessions == 1)
      #expect(try root.list("temp/processing") == ["mixed", "young"])
      #expect(try root.list("temp/processing/mixed") == ["old", "young"], "a folder of the workspace goes whole")
      #expect(try root.list("temp/uploads") == ["mixed", "young"])
      #expect(try root.list("temp/uploads/mixed") == ["chunk_0", "chunk_1"])
      #expect(root.exists("images/user-7/2020/01/old.dcm"))
      #expect(try storage.getStorageStats().activeSessions == 2)
      #expect(storage.cleanupTempFiles() == CleanupReport())
    }
  }

  @Test("only tells what it would delete in a dry run")
  func dryRun() throws {
    try withFiles { root, storage throws in
      let before = try Walk(of: root)
      let report = storage.cleanupTempFiles(dryRun: true)
      #expect(report.deleted == 4)
      #expect(report.bytes == 9)
      #expect(report.sessions == 1)
      #expect(try Walk(of: root) == before)
      var removals: [CleanupRemoval] = []
      #expect(storage.cleanupTempFiles { removals.append($0) } == report)
      #expect(
        Set(removals.map(\.path)) == ["temp/uploads/old", "temp/processing/old", "temp/processing/old-folder"])
      #expect(removals.reduce(Tally()) { $0 + $1.files } == Tally(size: 9, count: 4))
    }
  }

  @Test("takes the age that it is given")
  func age() throws {
    try withFiles { root, storage throws in
      #expect(storage.cleanupTempFiles(olderThan: 26 * 3600).deleted == 0)
      let report = storage.cleanupTempFiles(olderThan: 24 * 3600, at: Clock.now() + 25 * 3600)
      #expect(report.deleted == 10)
      #expect(report.sessions == 3)
      #expect(try root.list("temp/uploads") == [])
      #expect(try root.list("temp/processing") == [])
      #expect(root.exists("images/user-7/2020/01/old.dcm"))
    }
  }

  @Test("goes on after an entry that fails")
  func failing() throws {
    try withFiles { root, storage throws in
      // A folder has no business in a session, and cannot be unlinked.
      try root.makeFolder("temp/uploads/old/folder")
      try root.age("temp/uploads/old/folder", hours: 25)
      try root.age("temp/uploads/old", hours: 25)
      let report = storage.cleanupTempFiles()
      #expect(report.failures.count == 1)
      #expect(report.failures.allSatisfy { $0.contains("temp/uploads/old") })
      #expect(report.sessions == 0)
      #expect(!root.exists("temp/processing/old"))
      #expect(!root.exists("temp/processing/old-folder"))
    }
  }

  @Test("goes on after a name that cannot be told as text")
  func badName() throws {
    try withFiles { root, storage throws in
      let folder = try Sys.openFile(root["temp/processing"])
      let name = FileName(bytes: [0xFF, 0x0A, 0x80])
      try Sys.makeFolder(name, in: folder, mode: 0o700)
      let inside = try Sys.openFolder(name, in: folder)
      _ = try Sys.open(FileName(bytes: [0xFE]), in: inside, O_RDWR | O_CREAT, mode: 0o600)
      let report = storage.cleanupTempFiles(at: Clock.now() + 48 * 3600)
      #expect(report.failures == [])
      #expect(try root.list("temp/processing") == [])
      // The planted file was never counted.
      storage.ledger.record(Tally(count: 1), to: .temp, in: nil)
    }
  }

  @Test("leaves a session alone while a chunk is written or it completes")
  func inUse() throws {
    try withFiles { root, storage throws in
      let later = Clock.now() + 100 * 3600
      try storage.saveChunk(sessionID: "old", index: 2) { writer throws(StorageError) in
        try writer.write([1])
        #expect(storage.cleanupTempFiles(at: later).sessions == 2)
      }
      #expect(try root.list("temp/uploads/old") == ["chunk_0", "chunk_1", "chunk_2"])
      #expect(storage.cleanupTempFiles(at: later).sessions == 1)
    }
  }

  @Test("leaves a session alone that came under the name of one that it had looked at")
  func sameName() throws {
    try withFiles { root, storage throws in
      let old = try #require(storage.uploads.session("old"))
      let activity = old.activity.last
      try storage.cleanupSession("old")
      try storage.saveChunk([7], sessionID: "old", index: 0)
      let new = try #require(storage.uploads.session("old"))
      #expect(try storage.removeSession(old, ifIdleSince: activity) == nil)
      #expect(try storage.removeSession(old) == nil)
      try storage.uploads.ended(old)
      #expect(storage.uploads.session("old") === new)
      #expect(try root.list("temp/uploads/old") == ["chunk_0"])
      let target = try StoragePath(parsing: "temp/processing/done")
      #expect(try storage.assembleChunks(sessionID: "old", as: CompletionRequest(.path(target))).size == 1)
    }
  }

  @Test("removes special files and links of the workspace without counting their bytes")
  func special() throws {
    try withFiles { root, storage throws in
      #expect(mkfifo(root["temp/processing/fifo"], 0o600) == 0)
      try root.makeLink("temp/processing/dangling", to: "nowhere")
      for name in ["fifo", "dangling"] { try root.age("temp/processing/\(name)", hours: 25) }
      let report = storage.cleanupTempFiles()
      #expect(report.deleted == 6)
      #expect(report.bytes == 9)
      #expect(try root.list("temp/processing") == ["mixed", "young"])
    }
  }

  @Test("removes an empty folder only once it is old itself")
  func emptyFolders() throws {
    try withFiles { root, storage throws in
      try root.makeFolder("temp/processing/old-empty/sub")
      try root.makeFolder("temp/processing/young-empty")
      for path in ["temp/processing/old-empty/sub", "temp/processing/old-empty"] { try root.age(path, hours: 25) }
      _ = storage.cleanupTempFiles()
      #expect(!root.exists("temp/processing/old-empty"))
      #expect(root.exists("temp/processing/young-empty"))
    }
  }

  @Test("a finished session lingers, and then goes by itself")
  func finished() throws {
    try withFiles { root, storage throws in
      let target = try StoragePath(parsing: "temp/processing/done")
      _ = try storage.assembleChunks(sessionID: "mixed", as: CompletionRequest(.path(target)))
      #expect(storage.removeFinishedSessions(linger: 3600, at: Clock.now()) == 0)
      storage.chunkRemoval.wait()
      #expect(try root.list("temp/uploads/mixed") == [".complete"])
      #expect(storage.removeFinishedSessions(linger: 3600, at: Clock.now() + 3601) == 1)
      #expect(!root.exists("temp/uploads/mixed"))
      #expect(root.exists("temp/uploads/old"))
      #expect(root.exists("temp/processing/done"))
      #expect(try storage.getStorageStats().completedSessions == 0)
    }
  }
}
