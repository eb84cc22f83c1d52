import Glibc
import SystemPackage
import Testing

@testable import StorageCore

/// Saved state that no server would have left, as somebody may have planted it: a start comes through.
@Suite("A start on made-up saved state")
struct MadeUpStateTests {
  private func started(_ plant: (TemporaryRoot) throws -> Void, _ check: (Storage) throws -> Void = { _ in }) throws {
    try TemporaryRoot.with { root in
      let first = try root.storage()
      try first.saveChunk([1, 2, 3], sessionID: "S", index: 0)
      try first.saveChunk([4], sessionID: "S", index: 1)
      try first.close()
      try plant(root)
      let storage = try root.storage()
      _ = try storage.getStorageStats().json
      try check(storage)
      try storage.close()
    }
  }

  @Test("a staged file with the highest number there is", arguments: [.max, .max - 1, 1 << 63, 1 << 62] as [UInt64])
  func highestNumber(number: UInt64) throws {
    try started(
      { try $0.plant(".mammofs/staging/\(number)", [1]) },
      { storage in
        for name in ["a", "b"] {
          _ = try storage.saveFile([1], userID: "7", imageID: name, fileExtension: "dcm")
        }
      })
  }

  @Test("a chunk with a place that was stretched beyond any", arguments: [.max, 1 << 51] as [Int64])
  func stretched(size: Int64) throws {
    try started { root in
      let file = try Sys.open("chunk_0", in: Sys.openFile(root["temp/uploads/S"]), O_RDWR)
      try Sys.setExtendedAttribute(Layout.placeAttribute, of: file, to: Array("1125899906842624".utf8))
      // Not every file system has room for such a size.
      do throws(Errno) { try Sys.truncate(file, to: size) } catch { try Sys.truncate(file, to: 1 << 43) }
    }
  }

  @Test("figures that no sum holds, negative counts, and what is none")
  func figures() throws {
    let most = "{\"size\":9223372036854775807,\"count\":9223372036854775807}"
    let user = "{\"name\":\"user-7\",\"images\":\(most),\"thumbnails\":\(most),\"areas\":[\"images\",\"x\"]}"
    for text in [
      "{\"version\":1,\"users\":[\(user),\(user)],\"temp\":\(most)}",
      "{\"version\":1,\"users\":[],\"temp\":{\"size\":-1,\"count\":-9223372036854775808}}", "", "{", "[]",
    ] {
      try started { try $0.plant(".mammofs/usage.json", Array(text.utf8)) }
    }
  }

  @Test("negative counts are no figures, and the files are counted")
  func negative() throws {
    let text = "{\"version\":1,\"users\":[],\"temp\":{\"size\":-1,\"count\":-1}}"
    try started(
      { try $0.plant(".mammofs/usage.json", Array(text.utf8)) },
      { storage in
        let stats = try storage.getStorageStats()
        #expect(stats.temp == Tally(size: 4, count: 2))
      })
  }

  @Test("folders, pipes and links in place of files", arguments: ["usage.json", "staging/5", "uploads/T", "lock.old"])
  func others(name: String) throws {
    if name != "usage.json" { try started { try $0.makeFolder(".mammofs/\(name)/inside") } }
    try started { root in
      try? root.remove(".mammofs/\(name)")
      try root.makeLink(".mammofs/\(name)", to: "/proc/self/status")
    }
    try started { root in
      try? root.remove(".mammofs/\(name)")
      #expect(mkfifo(root[".mammofs/\(name)"], 0o600) == 0)
    }
  }

  @Test("a pipe or folder as result of a session", arguments: ["completing", ".complete"])
  func results(name: String) throws {
    try started { root in #expect(mkfifo(root["temp/uploads/S/\(name)"], 0o600) == 0) }
    try started { root in try root.makeFolder("temp/uploads/S/\(name)") }
  }

  @Test("a counter takes no result that is about to take its place for a file")
  func completing() throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.plant("temp/uploads/S/completing", [1, 2, 3])
      try root.plant("temp/processing/completing", [1, 2])
      let ledger = Ledger()
      ledger.beginCounting()
      let folder = try Sys.openFile(root.path)
      let counter = UsageCounter(
        root: folder.raw, ledger: ledger, gate: Gate(), openSize: { _ in nil }, isCancelled: { false })
      #expect(counter.run())
      #expect(ledger.stats.temp == Tally(size: 2, count: 1))
    }
  }
}
