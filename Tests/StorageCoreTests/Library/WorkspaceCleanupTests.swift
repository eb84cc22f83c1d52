import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("A cleanup of the workspace")
struct WorkspaceCleanupTests {
  /// A database of three files, all of them old.
  private func withDatabase(_ body: (TemporaryRoot, Storage) throws -> Void) throws {
    try TemporaryRoot.with { root in
      for path in Self.files { try root.plant(path, [1, 2]) }
      try root.age(Self.all, hours: 48)
      let storage = try root.storage()
      try body(root, storage)
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      #expect(try root.list(".mammofs/cleanup/checking") == [])
      #expect(try root.list(".mammofs/cleanup/deleting") == [])
      try storage.close()
    }
  }

  private static let files = [
    "temp/processing/db/base/1", "temp/processing/db/base/2", "temp/processing/db/global",
  ]
  private static let all = files + ["temp/processing/db/base", "temp/processing/db"]

  @Test("takes a folder whole, and leaves nothing of it anywhere")
  func whole() throws {
    try withDatabase { root, storage throws in
      let report = storage.cleanupTempFiles()
      #expect(report.deleted == 3 && report.bytes == 6 && report.failures == [])
      #expect(try root.list("temp/processing") == [])
    }
  }

  @Test("takes a folder that nobody has changed since a moment, and leaves one that was")
  func since() throws {
    try withDatabase { root, storage throws in
      #expect(storage.cleanupTempFiles(leavingWhatChangedSince: 0) == CleanupReport())
      #expect(storage.cleanupTempFiles(leavingWhatChangedSince: Clock.nowInNanoseconds()).deleted == 3)
      #expect(try root.list("temp/processing") == [])
    }
  }

  @Test("leaves a folder in which one file was changed or read", arguments: ["changed", "read", "added"])
  func used(how: String) throws {
    try withDatabase { root, storage throws in
      switch how {
      case "changed": try root.setTimes("temp/processing/db/base/2", accessed: 48, modified: 1)
      case "read": try root.setTimes("temp/processing/db/base/2", accessed: 1, modified: 48)
      default: try root.setTimes("temp/processing/db/base", accessed: 48, modified: 1)
      }
      for dryRun in [true, false] { #expect(storage.cleanupTempFiles(dryRun: dryRun) == CleanupReport()) }
      for path in Self.files { #expect(root.exists(path)) }
      #expect(storage.cleanupTempFiles(olderThan: 1800).deleted == 3)
    }
  }

  @Test("takes no listing of a folder for a use of it")
  func listed() throws {
    try withDatabase { root, storage throws in
      for path in ["temp/processing/db/base", "temp/processing/db"] {
        try root.setTimes(path, accessed: 0, modified: 48)
      }
      #expect(storage.cleanupTempFiles().deleted == 3)
    }
  }

  @Test("leaves a folder with a file .keep, however deep, and a file of that name")
  func kept() throws {
    try withDatabase { root, storage throws in
      for path in ["temp/processing/db/base/.keep", "temp/processing/.keep"] {
        try root.plant(path, [])
        storage.ledger.record(Tally(count: 1), to: .temp, in: nil)
      }
      try root.age(Self.all + ["temp/processing/db/base/.keep", "temp/processing/.keep"], hours: 48)
      for dryRun in [true, false] { #expect(storage.cleanupTempFiles(dryRun: dryRun) == CleanupReport()) }
      #expect(try root.list("temp/processing") == [".keep", "db"])
      #expect(try root.list("temp/processing/db/base") == [".keep", "1", "2"])
    }
  }

  @Test("leaves a folder in which an entry cannot be deleted, says so, and goes on")
  func failing() throws {
    try withDatabase { root, storage throws in
      try root.plant("temp/processing/zzz", [1])
      storage.ledger.record(Tally(size: 1, count: 1), to: .temp, in: nil)
      try root.age(["temp/processing/zzz"], hours: 48)
      let place = root["temp/processing/db/base"]
      try #require(mount("tmpfs", place, "tmpfs", 0, "size=1m") == 0, "this test needs root")
      defer { umount2(place, CInt(MNT_DETACH)) }
      try root.age(["temp/processing/db/base", "temp/processing/db"], hours: 48)
      let report = storage.cleanupTempFiles()
      #expect(report.failures.count == 1 && report.failures.allSatisfy { $0.contains("temp/processing/db: ") })
      #expect(report.deleted == 1)
      #expect(try root.list("temp/processing") == ["db"])
      #expect(try root.list("temp/processing/db") == ["base", "global"])
      #expect(umount2(place, 0) == 0)
      try root.age(Self.all, hours: 48)
      for path in Self.files { #expect(root.exists(path)) }
    }
  }

  @Test("takes what was recovered file by file, after its own time")
  func recovered() throws {
    try withDatabase { root, storage throws in
      let files = ["recovered/old", "recovered/young", "recovered-2/old", "recovered-x/old", "recovered-x/young"]
      for path in files {
        try root.plant("temp/processing/\(path)", [1])
        storage.ledger.record(Tally(size: 1, count: 1), to: .temp, in: nil)
        if path.hasSuffix("old") { try root.age(["temp/processing/\(path)"], hours: 48) }
      }
      #expect(storage.cleanupTempFiles(recoveredOlderThan: Storage.recoveredAge).deleted == 3)
      #expect(try root.list("temp/processing/recovered") == ["old", "young"])
      #expect(storage.cleanupTempFiles().deleted == 2)
      #expect(try root.list("temp/processing/recovered") == ["young"])
      #expect(try root.list("temp/processing/recovered-2") == [])
      #expect(try root.list("temp/processing/recovered-x") == ["old", "young"])
      try root.plant("temp/processing/recovered/.keep", [])
      storage.ledger.record(Tally(count: 1), to: .temp, in: nil)
      let later = Clock.now() + 100 * 24 * 3600
      _ = storage.cleanupTempFiles(at: later)
      #expect(try root.list("temp/processing/recovered") == [".keep", "young"])
    }
  }

  @Test("that was cut off is put in order: what was being checked comes back, what was being deleted goes")
  func cutOff() throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.remove(".mammofs/usage.json")
      try root.plant(".mammofs/cleanup/checking/db/file", [1, 2])
      try root.plant(".mammofs/cleanup/checking/other", [1])
      try root.plant("temp/processing/other", [1, 2, 3])
      try root.plant(".mammofs/cleanup/deleting/12/sub/file", [1])
      let storage = try root.storage()
      storage.waitUntilCounted()
      #expect(try root.list("temp/processing") == ["db", "other", "other-2"])
      #expect(try storage.getStorageStats().temp == Tally(size: 6, count: 3))
      #expect(storage.cleanupTempFiles() == CleanupReport())
      #expect(try root.list(".mammofs/cleanup/deleting") == [])
      #expect(try storage.getStorageStats().temp == Tally(size: 6, count: 3))
      try storage.close()
    }
  }
}

@Suite("What a cleanup knows of use")
struct UseTests {
  private static let hour: Int64 = 3600
  private static let now = 1_000_000 * hour

  /// A file whose times are so many hours ago.
  private func file(accessed: Int64, modified: Int64, changed: Int64) -> stat {
    var file = stat()
    file.st_mode = S_IFREG | 0o600
    (file.st_atim.tv_sec, file.st_mtim.tv_sec) = (Int(Self.now - accessed * 3600), Int(Self.now - modified * 3600))
    file.st_ctim.tv_sec = Int(Self.now - changed * 3600)
    return file
  }

  private func isDue(_ file: stat, isSeen: Bool) -> Bool {
    UseNote.isDue(opening: file, at: Self.now * 1_000_000_000, isSeen: isSeen)
  }

  @Test("an open is noted where the file system would keep the read back, and once an hour")
  func opening() {
    // Written, read an hour later, and again today: relatime keeps that back for a day.
    #expect(isDue(file(accessed: 23, modified: 24, changed: 24), isSeen: true))
    #expect(!isDue(file(accessed: 25, modified: 26, changed: 26), isSeen: true))
    #expect(!isDue(file(accessed: 48, modified: 24, changed: 24), isSeen: true))
    #expect(!isDue(file(accessed: 48, modified: 48, changed: 0), isSeen: true))
    #expect(!isDue(file(accessed: 0, modified: 48, changed: 48), isSeen: true))
    for file in [
      file(accessed: 23, modified: 24, changed: 24), file(accessed: 25, modified: 26, changed: 26),
      file(accessed: 48, modified: 24, changed: 24), file(accessed: 48, modified: 48, changed: 0),
    ] { #expect(isDue(file, isSeen: false)) }
    #expect(!isDue(file(accessed: 0, modified: 48, changed: 48), isSeen: false))
    #expect(!isDue(file(accessed: 48, modified: 0, changed: 0), isSeen: false))
  }

  @Test("a close is noted where the file was read before, and nobody has said since that it is old")
  func closing() {
    func isDue(_ file: stat) -> Bool { UseNote.isDue(closing: file, at: Self.now * 1_000_000_000) }
    #expect(isDue(file(accessed: 23, modified: 24, changed: 24)))
    #expect(!isDue(file(accessed: 48, modified: 48, changed: 0)))
    #expect(!isDue(file(accessed: 0, modified: 48, changed: 48)))
  }

  @Test("idle is what was neither changed nor read; who lists a folder does not use it")
  func idle() {
    let rule = IdleRule(limit: Self.now - 24 * 3600)
    #expect(rule.isIdle(file(accessed: 25, modified: 25, changed: 0)))
    #expect(!rule.isIdle(file(accessed: 1, modified: 25, changed: 25)))
    #expect(!rule.isIdle(file(accessed: 25, modified: 1, changed: 25)))
    #expect(rule.wasLeftAlone(file(accessed: 1, modified: 25, changed: 25)))
    var folder = file(accessed: 1, modified: 25, changed: 25)
    folder.st_mode = S_IFDIR | 0o700
    #expect(rule.isIdle(folder))
    let first = IdleRule(limit: Self.now, untouchedSince: (Self.now - 3600) * 1_000_000_000)
    #expect(!first.isIdle(file(accessed: 25, modified: 25, changed: 0)))
    #expect(first.isIdle(file(accessed: 25, modified: 25, changed: 2)))
  }
}
