import StorageCore
import SystemPackage
import Testing

@testable import FuseKit
@testable import MammoMount

@Suite("What is on record of requests")
struct RequestJournalTests {
  private let state: SharedState

  init() throws { state = try SharedState() }

  private func caller(_ number: UInt64, worker: Int = 0, isResent: Bool = false) -> Caller {
    Caller(
      user: 0, group: 0, process: 1, request: RequestNumber(rawValue: number | (isResent ? 1 << 63 : 0)), worker: worker
    )
  }

  /// Each call is a further server.
  private var journal: RequestJournal { RequestJournal(state.requests) }

  @Test("what was done is not done again, and its caller is told the same")
  func done() {
    journal.once(caller(10)) { _ in 7 }
    for _ in 1...3 {
      let (result, isNew) = journal.once(caller(10, isResent: true)) { _ in 8 }
      #expect(result == 7 && !isNew)
    }
  }

  @Test("what no server came to is done, and so is what comes for the first time")
  func never() {
    journal.once(caller(10)) { _ in 7 }
    #expect(journal.record(of: caller(12, isResent: true).request) == nil)
    #expect(journal.record(of: caller(10).request) == nil)
    let (result, isNew) = journal.once(caller(12, isResent: true)) { isAgain in isAgain ? 1 : 2 }
    #expect(result == 2 && isNew)
  }

  @Test("what was refused is tried again")
  func refused() {
    #expect(throws: Errno.fileExists) {
      try journal.once(caller(10)) { _ throws(Errno) in throw Errno.fileExists }
    }
    #expect(journal.record(of: caller(10, isResent: true).request) == nil)
  }

  @Test("what was under way is known as that, with the file that was to go")
  func begun() {
    let file = FileIdentity(device: 1, inode: 2)
    let dying = journal
    dying.once(caller(10)) { _ in
      #expect(journal.record(of: caller(10, isResent: true).request)?.removed == nil)
      dying.willRemove(file, caller(10))
      let left = journal.record(of: caller(10, isResent: true).request)
      #expect(left?.state == .begun && left?.removed == file)
      return 0
    }
  }

  @Test("a request that an earlier server had begun and a later one found done is done")
  func settled() {
    let dying = journal
    dying.once(caller(10)) { _ in
      let next = journal
      next.noteDone(caller(10, isResent: true))
      #expect(journal.record(of: caller(10, isResent: true).request)?.state == .done)
      return 0
    }
  }

  @Test("a worker's record stays until that worker serves another request, and over many servers")
  func kept() {
    let first = journal
    for worker in 0..<8 { first.once(caller(UInt64(100 + worker), worker: worker)) { _ in Int64(worker) } }
    for server in 1...20 {
      let next = journal
      for worker in 0..<8 { next.once(caller(UInt64(1000 * server + worker), worker: worker)) { _ in 0 } }
    }
    let last = journal
    for worker in 0..<8 {
      #expect(last.record(of: caller(UInt64(100 + worker), isResent: true).request)?.result == Int64(worker))
    }
    first.once(caller(200, worker: 3)) { _ in 0 }
    #expect(journal.record(of: caller(103, isResent: true).request) == nil)
  }

  @Test("with more workers than there is room for, what they do is done without a record")
  func crowded() {
    let worker = RequestRecords.limit
    let (result, isNew) = journal.once(caller(10, worker: worker)) { _ in 7 }
    #expect(result == 7 && isNew)
    #expect(journal.record(of: caller(10, isResent: true).request) == nil)
  }

  @Test("a worker has the smallest number that is free")
  func numbers() {
    var numbers = WorkerNumbers()
    #expect([numbers.take(), numbers.take(), numbers.take()] == [0, 1, 2])
    numbers.giveBack(1)
    #expect(numbers.take() == 1 && numbers.take() == 3)
  }
}
