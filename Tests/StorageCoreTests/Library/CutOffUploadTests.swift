import Glibc
import SystemPackage
import Testing

@testable import StorageCore

/// What the next start makes of an upload that was cut off, at each point where that can happen.
@Suite("An upload that was cut off")
struct CutOffUploadTests {
  private static let target = "images/user-7/2026/11/a.dcm"
  private static let session = "temp/uploads/s"
  private static let data = ".mammofs/uploads/s"

  /// A root with two chunks of three bytes, and with nobody who has it in use.
  private func withChunks(_ body: (TemporaryRoot) throws -> Void) throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try storage.saveChunk([1, 2, 3], sessionID: "s", index: 0)
      try storage.saveChunk([4, 5, 6], sessionID: "s", index: 1)
      try storage.close()
      try body(root)
    }
  }

  /// The power failed: what the page cache held is gone.
  private func cutPower(_ root: TemporaryRoot) throws {
    try? root.remove(".mammofs/usage.json")
    try root.plant(".mammofs/lock", Array("boot 00000000-0000-0000-0000-000000000000\nuser a mount\n".utf8))
  }

  private func note(_ root: TemporaryRoot, inode: UInt64) throws {
    let record = CompletionRecord(storagePath: Self.target, size: 6, chunks: 2, sha256: nil)
    try root.plant("\(Self.session)/completing", record.json)
    let file = try Sys.openFile(root["\(Self.session)/completing"])
    try Sys.setExtendedAttribute(Layout.inodeAttribute, of: file, to: Array("\(inode)".utf8))
  }

  private func complete(_ storage: Storage) throws -> CompletionRecord {
    try storage.assembleChunks(sessionID: "s", as: CompletionRequest(marker: Array(Self.target.utf8)))
  }

  @Test("chunks lie in the data file, which becomes the image")
  func inPlace() throws {
    try withChunks { root in
      #expect(try root.bytes(Self.data) == [1, 2, 3, 4, 5, 6])
      let inode = try root.stat(Self.data).st_ino
      let storage = try root.storage()
      _ = try complete(storage)
      #expect(try root.stat(Self.target).st_ino == inode)
      #expect(try root.bytes(Self.target) == [1, 2, 3, 4, 5, 6])
      storage.chunkRemoval.wait()
      #expect(try root.list(Self.session) == [".complete"])
      #expect(try root.list(".mammofs/uploads") == [])
      try storage.close()
    }
  }

  @Test("before the image had its name: as if the completion had never begun")
  func beforeTheName() throws {
    try withChunks { root in
      try note(root, inode: UInt64(try root.stat(Self.data).st_ino))
      let storage = try root.storage()
      #expect(try root.list(Self.session) == ["chunk_0", "chunk_1"])
      #expect(try complete(storage).size == 6)
      try storage.close()
    }
  }

  @Test("after the image had its name: the session is complete, and the same marker says so")
  func afterTheName() throws {
    try withChunks { root in
      try note(root, inode: UInt64(try root.stat(Self.data).st_ino))
      try root.makeFolder("images/user-7/2026/11")
      #expect(rename(root[Self.data], root[Self.target]) == 0)
      // Only a clean stop leaves figures.
      try root.remove(".mammofs/usage.json")
      let storage = try root.storage()
      #expect(try root.list(Self.session) == [".complete"])
      #expect(storage.refusals.text.isEmpty)
      #expect(try complete(storage) == CompletionRecord(storagePath: Self.target, size: 6, chunks: 2, sha256: nil))
      #expect(try storage.getStorageStats().completedSessions == 1)
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("another file with the image's name is not taken for the image")
  func anotherFile() throws {
    try withChunks { root in
      try note(root, inode: UInt64(try root.stat(Self.data).st_ino))
      try root.plant(Self.target, [9])
      let storage = try root.storage()
      #expect(throws: StorageError.targetExists(Self.target)) { try complete(storage) }
      #expect(try root.bytes(Self.target) == [9])
      try storage.close()
    }
  }

  @Test("while its chunks were going: the rest of them goes")
  func whileTidying() throws {
    try withChunks { root in
      let record = CompletionRecord(storagePath: Self.target, size: 6, chunks: 2, sha256: nil)
      try root.plant("\(Self.session)/.complete", record.json)
      let storage = try root.storage()
      #expect(try root.list(Self.session) == [".complete"])
      #expect(try root.list(".mammofs/uploads") == [])
      try storage.close()
    }
  }

  @Test("a chunk whose bytes a power cut kept from the disk is gone, and .errors says so; the others are there")
  func powerCut() throws {
    try withChunks { root in
      // What was not written out is a hole, or behind the end.
      #expect(truncate(root[Self.data], 3) == 0)
      try cutPower(root)
      let storage = try root.storage()
      #expect(try root.list(Self.session) == ["chunk_0"])
      #expect(try storage.getFile("\(Self.session)/chunk_0") == [1, 2, 3])
      #expect(String(decoding: storage.refusals.text, as: UTF8.self).contains("chunk_1 did not reach the disk"))
      try storage.close()
    }
  }

  @Test("a chunk that was being written is found in the workspace with its bytes")
  func chunkBeingWritten() throws {
    try withChunks { root in
      #expect(rename(root["\(Self.session)/chunk_1"], root[".mammofs/staging/41"]) == 0)
      let file = try Sys.openFile(root[".mammofs/staging/41"])
      try Sys.setExtendedAttribute(
        Layout.originAttribute, of: file, to: Array("\(Self.session)/chunk_1".utf8))
      let storage = try root.storage()
      #expect(try root.bytes("temp/processing/recovered/41-temp-uploads-s-chunk_1") == [4, 5, 6])
      #expect(try root.list(Self.session) == ["chunk_0"])
      try storage.saveChunk([7], sessionID: "s", index: 1)
      #expect(try root.bytes(Self.data) == [1, 2, 3, 7], "its place is free again")
      try storage.close()
    }
  }

  @Test("data of a session that is gone goes, too")
  func orphan() throws {
    try withChunks { root in
      try root.remove(Self.session)
      let storage = try root.storage()
      #expect(try root.list(".mammofs/uploads") == [])
      try storage.close()
    }
  }

  @Test("what a session has received stays, if the session cannot be read now")
  func unreadable() throws {
    try withChunks { root in
      try root.plant("\(Self.session)/completing", [])
      #expect(link(root["\(Self.session)/completing"], root["second"]) == 0)
      let storage = try root.storage()
      #expect(String(decoding: storage.refusals.text, as: UTF8.self).contains("could not be read"))
      try storage.close()
      #expect(try root.bytes(Self.data) == [1, 2, 3, 4, 5, 6])
      #expect(unlink(root["second"]) == 0)
      #expect(try complete(try root.storage()).size == 6)
    }
  }
}
