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
      "{\"version\":2,\"users\":[\(user),\(user)],\"temp\":\(most)}",
      "{\"version\":2,\"users\":[],\"temp\":{\"size\":-1,\"count\":-9223372036854775808}}", "", "{", "[]",
    ] {
      try started { try $0.plant(".mammofs/usage.json", Array(text.utf8)) }
    }
  }

  @Test("negative counts are no figures, and the files are counted")
  func negative() throws {
    let text = "{\"version\":2,\"users\":[],\"temp\":{\"size\":-1,\"count\":-1}}"
    try started(
      { try $0.plant(".mammofs/usage.json", Array(text.utf8)) },
      { storage in
        let stats = try storage.getStorageStats()
        #expect(stats.temp == Tally(size: 4, count: 2))
      })
  }

  @Test("a verification that cannot have come so far is none, and begins anew")
  func verifications() throws {
    func pass(_ change: (inout VerificationState) -> Void) -> VerificationState {
      var state = VerificationState(folder: "", started: 1_700_000_000)
      state.after = "images/user-1/2026/01/a.dcm"
      state.verified = Tally(size: 1 << 50, count: 1 << 40)
      change(&state)
      return state
    }
    let impossible = [
      pass { $0.withoutDigest = .max }, pass { $0.stale = .min }, pass { $0.given = -1 },
      pass { $0.changing = .max - 1 }, pass { $0.verified.count = .max }, pass { $0.verified.size = -1 },
      pass { $0.version = 2 },
    ]
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      let folder = SharedDescriptor(try Sys.openFile(root[".mammofs"]))
      let kept = KeptState<Scrub.Kept>(name: Layout.scrub)
      func loaded(_ pass: VerificationState?, _ start: Int64?, _ end: Int64?) throws -> Scrub.Kept {
        try kept.save(Scrub.Kept(pass: pass, lastStart: start, lastEnd: end), in: folder)
        return Scrub.Kept.load(from: folder)
      }
      let good = pass { _ in }
      #expect(try loaded(good, 1_600_000_000, 1_600_000_001).pass == good)
      for state in impossible { #expect(try loaded(state, 1, 2).lastEnd == nil) }
      for moment in [.max, .min, -1] as [Int64] {
        #expect(try loaded(good, moment, nil).pass == nil)
        #expect(try loaded(good, nil, moment).pass == nil)
        #expect(try loaded(VerificationState(folder: "", started: moment), nil, nil).pass == nil)
      }
      let verification = try #require(try KeptVerification(of: storage.root))
      try verification.save(good)
      #expect(verification.load("") == good)
      for state in impossible {
        try verification.save(state)
        #expect(verification.load("") == nil)
      }
      try storage.close()
    }
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
        root: folder.raw, ledger: ledger, gate: Gate(), openSize: { _ in nil }, foundWork: { _ in },
        isCancelled: { false })
      #expect(counter.run())
      #expect(ledger.stats.temp == Tally(size: 2, count: 1))
    }
  }
}
