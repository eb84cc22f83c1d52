import Glibc
import Synchronization
import SystemPackage
import Testing

import struct Crypto.SHA256

@testable import StorageCore

@Suite("A digest")
struct DigestTests {
  private func file(size: Int, modified: Int) -> stat {
    var stat = Glibc.stat()
    stat.st_size = off_t(size)
    stat.st_mtim = timespec(tv_sec: modified, tv_nsec: 7)
    return stat
  }

  private let bytes = [UInt8](0..<32)

  @Test("is read as it was written, within what an inode of ext4 has room for")
  func stored() {
    for modified in [1_700_000_000, -5, 0] {
      let digest = Digest(sha256: bytes, of: file(size: 1 << 40, modified: modified))
      #expect(Digest(stored: digest.stored) == digest)
      #expect(digest.stored.count == 48)
    }
    #expect(Digest(sha256: bytes, of: file(size: 1, modified: 1)).text.hasPrefix("000102030405"))
    #expect(Digest(stored: []) == nil && Digest(stored: [UInt8](repeating: 0, count: 64)) == nil)
  }

  @Test("is of the bytes that were there when it was made, and of no others")
  func states() {
    let digest = Digest(sha256: bytes, of: file(size: 10, modified: 100))
    #expect(Digest.state(nil, of: file(size: 10, modified: 100)) == .absent)
    #expect(Digest.state(digest, of: file(size: 10, modified: 100)) == .current(digest))
    #expect(Digest.state(digest, of: file(size: 10, modified: 101)) == .stale(digest))
    #expect(Digest.state(digest, of: file(size: 11, modified: 101)) == .stale(digest))
    #expect(Digest.state(digest, of: file(size: 9, modified: 100)) == .cut(digest))
  }
}

@Suite("The queue of files that want a digest")
struct DigestQueueTests {
  private func entry(_ inode: UInt64) -> DigestQueue.Entry {
    DigestQueue.Entry(file: FileIdentity(device: 1, inode: inode), path: ["images", FileName("\(inode)")])
  }

  @Test("hands each out once, a moment after its last change")
  func delay() {
    var queue = DigestQueue()
    let added = [queue.add(entry(1), at: 0), queue.add(entry(2), at: 10), queue.add(entry(1), at: 20)]
    #expect(added == [true, true, true])
    #expect(queue.count == 2)
    #expect(queue.take(at: DigestQueue.delay) == nil)
    #expect(queue.take(at: DigestQueue.delay + 10) == entry(2))
    queue.finish()
    #expect(queue.take(at: DigestQueue.delay + 10) == nil)
    #expect(queue.take(at: DigestQueue.delay + 20) == entry(1))
    #expect(queue.isCurrentGood && queue.count == 1)
    queue.finish()
    #expect(queue.take(at: .max) == nil)
    #expect(queue.count == 0)
  }

  @Test("forgets a file that is about to change, also while it is being read")
  func changed() {
    var queue = DigestQueue()
    _ = queue.add(entry(1), at: 0)
    let wasRead = queue.drop(entry(1).file)
    #expect(!wasRead)
    #expect(queue.take(at: .max) == nil)
    _ = queue.add(entry(2), at: 0)
    #expect(queue.take(at: DigestQueue.delay) == entry(2))
    let isOther = queue.drop(entry(1).file)
    #expect(!isOther && queue.isCurrentGood)
    let isReadNow = queue.drop(entry(2).file)
    #expect(isReadNow && !queue.isCurrentGood)
  }

  @Test("is not put off by being asked for what waits already")
  func asked() {
    var queue = DigestQueue()
    let isTaken = queue.ask(entry(1), at: 0)
    let isTakenAgain = queue.ask(entry(1), at: DigestQueue.delay - 1)
    #expect(isTaken && isTakenAgain && queue.isAwaited(entry(1).file))
    #expect(queue.take(at: DigestQueue.delay) == entry(1))
    // It is being read.
    let isKnown = queue.ask(entry(1), at: DigestQueue.delay)
    #expect(isKnown && queue.count == 1)
    _ = queue.drop(entry(1).file)
    #expect(!queue.isAwaited(entry(1).file))
  }

  @Test("goes on with a long file when the others had their turn, unless it has changed")
  func putBack() throws {
    var queue = DigestQueue()
    _ = queue.add(entry(1), at: 0)
    _ = queue.add(entry(2), at: 0)
    let first = queue.take(at: DigestQueue.delay)
    var long = try #require(first)
    #expect(long == entry(1) && long.progress == nil)
    long.progress = DigestQueue.Progress(HashProgress(), of: Glibc.stat())
    queue.putBack(long, at: DigestQueue.delay)
    queue.finish()
    #expect(queue.take(at: DigestQueue.delay) == entry(2))
    queue.finish()
    let second = queue.take(at: DigestQueue.delay)
    let again = try #require(second)
    #expect(again == entry(1) && again.progress === long.progress)
    // Somebody opens it for writing, and closes it again.
    _ = queue.drop(entry(1).file)
    queue.putBack(again, at: DigestQueue.delay)
    queue.finish()
    #expect(queue.count == 0 && queue.take(at: .max) == nil)
    _ = queue.add(entry(1), at: 0)
    let anew = queue.take(at: .max)
    #expect(anew == entry(1) && anew?.progress == nil)
  }

  @Test("has a file once, however often it is noted")
  func notedOften() {
    var queue = DigestQueue()
    for now in 0..<UInt64(10_000) {
      _ = queue.add(entry(1), at: now)
      _ = queue.drop(entry(1).file)
      _ = queue.add(entry(1), at: now)
    }
    #expect(queue.count == 1 && queue.noted == 1)
    #expect(queue.take(at: DigestQueue.delay) == nil)
    #expect(queue.noted == 1)
    #expect(queue.take(at: DigestQueue.delay + 10_000) == entry(1))
    #expect(queue.noted == 0)
    for inode in 0..<UInt64(5 * DigestQueue.limit) {
      _ = queue.add(entry(inode), at: 0)
      _ = queue.drop(entry(inode).file)
    }
    #expect(queue.count == 1 && queue.noted <= 2 * DigestQueue.limit + 1)
  }

  @Test("takes so many and no more")
  func limit() {
    var queue = DigestQueue()
    for inode in 0..<UInt64(DigestQueue.limit) { _ = queue.add(entry(inode), at: inode) }
    let isTaken = queue.add(entry(.max), at: 0)
    let isTakenAgain = queue.add(entry(5), at: 0)
    #expect(!isTaken && isTakenAgain)
    #expect(queue.count == DigestQueue.limit)
  }
}

@Suite("A hash of a file")
struct HashTests {
  private static let mebibyte = 1 << 20

  @Test(
    "is of its bytes, whether it has holes or not, at one go or in turns", arguments: [1 << 20, 3 << 20, Int64.max])
  func holes(limit: Int64) throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      for data in [[], [0], [0, 5], [2, 9], [4], [15]] {
        for size in [0, 1, 9 * Self.mebibyte + 4097, 16 * Self.mebibyte] {
          try root.plant("file", [])
          #expect(truncate(root["file"], size) == 0)
          let file = SharedDescriptor(try Sys.open("file", in: Sys.openFile(root.path), O_RDWR))
          for piece in data where piece * Self.mebibyte + 5000 < size {
            try Sys.writeAll(file, at: Int64(piece * Self.mebibyte + 4096), [1, 2, 3])
          }
          let expected = Array(SHA256.hash(data: try root.bytes("file")))
          var told: Int64 = 0
          let hasher = FileHasher(isCancelled: { false })
          var progress = HashProgress()
          while progress.offset < size {
            #expect(try hasher.advance(&progress, of: file, to: Int64(size), limit: limit))
            #expect(progress.offset - told <= limit)
            told = progress.offset
          }
          #expect(progress.sha256 == expected && progress.offset == size, "\(data) in \(size)")
          #expect(try hasher.sha256(of: file, size: Int64(size)) == expected)
        }
      }
      try storage.close()
    }
  }

  @Test("ends where the file does, and in the middle of a hole when it is to")
  func ends() throws {
    try TemporaryRoot.with { root in
      let storage = try root.storage()
      try root.plant("file", [1, 2, 3])
      let file = SharedDescriptor(try Sys.open("file", in: Sys.openFile(root.path), O_RDWR))
      let hasher = FileHasher(isCancelled: { false })
      #expect(try hasher.sha256(of: file, size: 1 << 40) == Array(SHA256.hash(data: [1, 2, 3])))
      #expect(truncate(root["file"], 1 << 43) == 0)
      let pieces = Counter()
      let stopped = FileHasher(isCancelled: { pieces.next() > 10 })
      #expect(try stopped.sha256(of: file, size: 1 << 43) == nil)
      try storage.close()
    }
  }

  private final class Counter: Sendable {
    private let value = Mutex(0)
    func next() -> Int {
      value.withLock { value in
        value += 1
        return value
      }
    }
  }
}
