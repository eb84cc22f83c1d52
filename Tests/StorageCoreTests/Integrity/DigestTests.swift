import Glibc
import Testing

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
