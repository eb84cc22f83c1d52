import Glibc
import SystemPackage
import Testing

import struct Crypto.SHA256

@testable import StorageCore

@Suite("A verification")
struct VerificationTests {
  private static let paths = [
    "images/user-1/2025/12/b.dcm", "images/user-1/2026/01/a.dcm", "images/user-10/2026/01/a.dcm",
    "images/user-2/2026/01/a.dcm", "thumbnails/user-1/2026/01/a_thumb.jpg",
  ]

  private func withImages(_ body: (TemporaryRoot, Storage) throws -> Void) throws {
    try TemporaryRoot.with { root in
      for path in Self.paths.reversed() { try root.plant(path, Array(path.utf8)) }
      try root.plant("images/user-1/2026/01/.work", [1])
      try root.plant("images/stranger/file", [1])
      let storage = try root.storage()
      try body(root, storage)
      try storage.close()
    }
  }

  /// Verifies, and gives digests as the command does; stops before the file number `limit`.
  private func verify(
    _ storage: Storage, _ state: inout VerificationState, limit: Int = .max, giving: Bool = true
  ) -> Bool {
    var seen: [String] = []
    let hasher = FileHasher(isCancelled: { false })
    let verification = Verification(root: storage.root) { file, size throws(Errno) in
      try hasher.sha256(of: file, size: size)
    } give: { candidate throws(Errno) in
      if seen.count >= limit { return nil }
      guard giving, let sha256 = try hasher.sha256(of: candidate.file, size: Int64(candidate.stat.st_size)) else {
        return false
      }
      return try storage.give(Digest(sha256: sha256, of: candidate.stat), to: candidate.file)
    }
    return verification.run(&state) { state in seen.append(state.after ?? "") }
  }

  private func verified(_ storage: Storage, below folder: String = "") -> VerificationState {
    var state = VerificationState(folder: folder, started: 0)
    #expect(verify(storage, &state))
    return state
  }

  private func digest(_ root: TemporaryRoot, _ path: String) throws -> Digest? {
    try Digest.read(from: Sys.openFile(root[path]))
  }

  @Test("gives digests to files that have none, and finds them whole the next time")
  func given() throws {
    try withImages { root, storage throws in
      let first = verified(storage)
      #expect(first.withoutDigest == 5 && first.given == 5 && first.verified == Tally() && first.findings == [])
      let second = verified(storage)
      #expect(second.verified.count == 5 && second.withoutDigest == 0 && second.findings == [])
      let path = Self.paths[0]
      #expect(try digest(root, path)?.sha256 == Array(SHA256.hash(data: Array(path.utf8))))
      #expect(verified(storage, below: "images/user-1").verified.count == 2)
      #expect(verified(storage, below: path).verified.count == 1)
    }
  }

  @Test("by the server passes over a file that two servers had no time to read, and the next one tells")
  func passedOver() throws {
    try TemporaryRoot.with { root in
      let (first, long) = ("images/user-1/2026/01/a.dcm", "images/user-1/2026/01/b.dcm")
      try root.plant(first, [1])
      try root.plant(long, [])
      #expect(truncate(root[long], 8 << 40) == 0)
      for path in [first, long] {
        let digest = Digest(sha256: Array(SHA256.hash(data: try root.bytes(first))), of: try root.stat(path))
        try digest.write(to: Sys.openFile(root[path]))
      }
      let storage = try root.storage()
      #expect(storage.digests.start(storage, on: ThreadReserve()))
      let folder = SharedDescriptor(try Sys.openFile(root[".mammofs"]))
      var options = ScrubOptions()
      options.interval = 0.01
      func serve(until condition: () throws -> Bool) rethrows {
        let scrub = Scrub(storage: storage, options: options)
        let end = ContinuousClock.now + .seconds(20)
        #expect(scrub.start(on: ThreadReserve()))
        while try !condition(), ContinuousClock.now < end { usleep(1000) }
        scrub.stop()
      }
      var kept = Scrub.Kept()
      // Some may end before they have come to it.
      for server in 1...100 where kept.passedOver == nil {
        var looks = 0
        serve {
          looks += 1
          return looks > 50
        }
        kept = Scrub.Kept.load(from: folder)
        if server == 1 { #expect(kept.passedOver == nil) }
      }
      #expect(kept.passedOver == long && kept.pass?.after == long)
      serve { String(decoding: storage.refusals.text, as: UTF8.self).contains(" scrub \(long) EINTR ") }
      #expect(String(decoding: storage.refusals.text, as: UTF8.self).split(separator: "\n").count == 1)
      storage.digests.stop(storage)
      try storage.close()
    }
  }

  @Test("finds bytes that changed behind everybody's back, and a file that was cut, and leaves them as they are")
  func damage() throws {
    try withImages { root, storage throws in
      _ = verified(storage)
      for (path, content) in [(Self.paths[1], Array(Self.paths[2].utf8)), (Self.paths[3], [1])] {
        let before = try root.stat(path)
        let kept = try digest(root, path)
        let file = try Sys.createFile(root[path])
        try Sys.writeAll(file, at: 0, Array(content.prefix(Int(before.st_size))))
        try Sys.setTimes(file, before.st_atim, before.st_mtim)
        #expect(try digest(root, path) == kept)
      }
      let state = verified(storage)
      #expect(state.damaged.map(\.path) == [Self.paths[1], Self.paths[3]])
      #expect(state.verified.count == 3 && state.given == 0)
      #expect(try root.bytes(Self.paths[3]) == [1])
      #expect(verified(storage).damaged == state.damaged)
    }
  }

  @Test("takes a file that was changed since for what it is: its digest is stale, and is made anew")
  func stale() throws {
    try withImages { root, storage throws in
      _ = verified(storage)
      try root.plant(Self.paths[0], [9])
      let file = try Sys.openFile(root[Self.paths[0]])
      try Digest(sha256: [UInt8](repeating: 0, count: 32), of: try root.stat(Self.paths[1])).write(to: file)
      try root.age(Self.paths[2], hours: 1)
      let state = verified(storage)
      #expect(state.stale == 2 && state.given == 2 && state.findings == [] && state.verified.count == 3)
      #expect(verified(storage).verified.count == 5)
    }
  }

  @Test("goes on where it was interrupted, in the order of the names")
  func resumed() throws {
    try withImages { root, storage throws in
      for limit in 0...5 {
        for path in Self.paths { try Digest.remove(from: Sys.openFile(root[path])) }
        var state = VerificationState(folder: "", started: 1)
        #expect(verify(storage, &state, limit: limit) == (limit == 5))
        #expect(state.after == (limit == 0 ? nil : Self.paths[limit - 1]))
        let kept = try #require(try KeptVerification(of: storage.root))
        try kept.save(state)
        var loaded = try #require(kept.load(""))
        #expect(loaded == state && kept.load("images") == nil)
        #expect(verify(storage, &loaded))
        #expect(loaded.given == 5 && loaded.verified == Tally())
        try kept.remove()
        #expect(kept.load("") == nil)
      }
    }
  }

  @Test("is one at a time")
  func alone() throws {
    try withImages { _, storage throws in
      let first = try KeptVerification(of: storage.root)
      #expect(first != nil)
      #expect(try KeptVerification(of: storage.root) == nil)
    }
  }

  @Test("a digest is not written to a file that has changed since it was read")
  func late() throws {
    try withImages { root, storage throws in
      let file = SharedDescriptor(try Sys.openFile(root[Self.paths[0]]))
      let digest = Digest(sha256: [UInt8](repeating: 1, count: 32), of: try Sys.stat(file))
      #expect(try !storage.give(digest, to: file, unless: { true }))
      try root.age(Self.paths[0], hours: 2)
      #expect(try !storage.give(digest, to: file))
      #expect(try Digest.read(from: file) == nil)
      let now = Digest(sha256: digest.sha256, of: try Sys.stat(file))
      #expect(try storage.give(now, to: file))
      #expect(try Digest.read(from: file) == now)
    }
  }
}

@Suite("Reading files for their digests")
struct HasherTests {
  @Test("is of all bytes, whatever the size", arguments: [0, 1, 4096, 1 << 20, (1 << 20) + 1, 3_000_000])
  func sizes(size: Int) throws {
    try TemporaryRoot.with { root in
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
      try root.plant("folder/file", bytes)
      let file = SharedDescriptor(try Sys.openFile(root["folder/file"]))
      let hasher = FileHasher(isCancelled: { false })
      #expect(try hasher.sha256(of: file, size: Int64(size)) == Array(SHA256.hash(data: bytes)))
      let idle = IdleReader()
      #expect(try idle.sha256(of: file, size: Int64(size), hasher) == Array(SHA256.hash(data: bytes)))
      #expect(try idle.sha256(of: file, size: Int64(size), hasher) == Array(SHA256.hash(data: bytes)))
      idle.stop()
      #expect(try idle.sha256(of: file, size: Int64(size), hasher) == nil)
    }
  }

  @Test("ends early where it is cancelled, and keeps to its rate")
  func paced() throws {
    try TemporaryRoot.with { root in
      try root.plant("folder/file", [UInt8](repeating: 7, count: 3 << 20))
      let file = SharedDescriptor(try Sys.openFile(root["folder/file"]))
      let cancelled = FileHasher(isCancelled: { true })
      #expect(try cancelled.sha256(of: file, size: 3 << 20) == nil)
      let paced = FileHasher(rate: 10 << 20, isCancelled: { false })
      let start = Clock.monotonic()
      let digest = try paced.sha256(of: file, size: 3 << 20)
      let taken = Clock.monotonic() - start
      #expect(digest == Array(SHA256.hash(data: [UInt8](repeating: 7, count: 3 << 20))))
      #expect(taken > 250_000_000)
    }
  }

  @Test("leaves in memory what was there, and nothing else")
  func pageCache() throws {
    try TemporaryRoot.with { root in
      let size = 4 << 20
      try root.plant("folder/file", [UInt8](repeating: 7, count: size))
      let file = SharedDescriptor(try Sys.openFile(root["folder/file"]))
      try Sys.synchronize(file)
      try #require(posix_fadvise(file.raw, 0, 0, 4) == 0)
      let hasher = FileHasher(isCancelled: { false })
      try #require(Self.resident(file, size) == 0, "the file system keeps what it was told to drop")
      _ = try hasher.sha256(of: file, size: Int64(size))
      #expect(Self.resident(file, size) == 0)
      _ = try Sys.readAll(file, limit: size)
      let before = Self.resident(file, size)
      _ = try hasher.sha256(of: file, size: Int64(size))
      #expect(before > 0 && Self.resident(file, size) == before)
    }
  }

  /// Pages in the page cache.
  private static func resident(_ file: SharedDescriptor, _ size: Int) -> Int {
    var pages = [UInt8](repeating: 0, count: size / 4096)
    guard let map = mmap(nil, size, PROT_READ, MAP_SHARED, file.raw, 0), map != MAP_FAILED else { return -1 }
    defer { munmap(map, size) }
    guard mincore(map, size, &pages) == 0 else { return -1 }
    return pages.count { $0 & 1 == 1 }
  }
}
