import Testing

@testable import StorageCore

@Suite("The ledger")
struct LedgerTests {
  private let ledger = Ledger()
  private let month = FileIdentity(device: 1, inode: 2)
  private let other = FileIdentity(device: 1, inode: 3)
  private let one = Tally(size: 10, count: 1)

  private func images(of user: FileName) -> Tally { ledger.stats(of: user).images }

  @Test("a file is counted under its user and the whole")
  func accounts() {
    ledger.record(one, to: .user(.images, "user-7"), in: month)
    ledger.record(one + one, to: .user(.thumbnails, "user-7"), in: month)
    ledger.record(one, to: .user(.images, "user-8"), in: month)
    ledger.record(one, to: .temp, in: other)
    #expect(ledger.stats.images == Tally(size: 20, count: 2))
    #expect(ledger.stats.thumbnails == Tally(size: 20, count: 2))
    #expect(ledger.stats.temp == one)
    #expect(images(of: "user-7") == one)
    #expect(ledger.stats(of: "user-7").thumbnails == one + one)
    #expect(ledger.stats(of: "user-9").totalSize == 0)
    ledger.record(Tally() - one, to: .user(.images, "user-7"), in: month)
    #expect(images(of: "user-7") == Tally())
  }

  @Test("a file with two names that was counted and is gone leaves its number to another, which is counted anew")
  func reusedNumber() {
    let file = FileIdentity(device: 1, inode: 9)
    ledger.beginCounting()
    ledger.counted(month, [.user(.images, "user-7"): one], linked: [file])
    #expect(ledger.isCountedLink(file))
    ledger.recordEnd(of: file, one, in: .user(.images, "user-7"), month)
    #expect(images(of: "user-7") == Tally())
    #expect(!ledger.isCountedLink(file))
    // In a folder that is still to be counted, it is left to the counter.
    ledger.record(one, to: .temp, in: other, file: file)
    #expect(ledger.stats.temp == Tally())
  }

  @Test("a user counts as one while either tree has a folder of theirs")
  func users() {
    ledger.userFolderAppeared("user-7", in: .images)
    ledger.userFolderAppeared("user-7", in: .thumbnails)
    ledger.userFolderAppeared("user-8", in: .images)
    ledger.userFolderAppeared("user-8", in: .images)
    #expect(ledger.stats.users == 2)
    ledger.userFolderVanished("user-7", from: .images)
    #expect(ledger.stats.users == 2)
    ledger.userFolderVanished("user-7", from: .thumbnails)
    #expect(ledger.stats.users == 1)
    ledger.userFolderVanished("user-9", from: .images)
    #expect(ledger.stats.users == 1)
  }

  @Test("a renamed user takes along what is in that tree, and nothing else")
  func renamedUser() {
    ledger.userFolderAppeared("user-7", in: .images)
    ledger.userFolderAppeared("user-7", in: .thumbnails)
    ledger.record(one, to: .user(.images, "user-7"), in: month)
    ledger.record(one + one, to: .user(.thumbnails, "user-7"), in: month)
    ledger.userFolderRenamed("user-7", to: "user-8", in: .images)
    #expect(images(of: "user-8") == one)
    #expect(images(of: "user-7") == Tally())
    #expect(ledger.stats(of: "user-7").thumbnails == one + one)
    #expect(ledger.stats.users == 2)
    #expect(ledger.stats.images == one)
    ledger.userFolderRenamed("user-7", to: "user-8", in: .thumbnails)
    #expect(ledger.stats.users == 1)
    #expect(ledger.stats(of: "user-8").thumbnails == one + one)
  }

  @Test("a year that moves to another user takes its figures along")
  func moved() {
    ledger.record(one + one, to: .user(.images, "user-7"), in: month)
    ledger.move([(folder: nil, tally: one)], from: "user-7", to: "user-8", in: .images)
    #expect(images(of: "user-7") == one)
    #expect(images(of: "user-8") == one)
    #expect(ledger.stats.images == one + one)
  }

  @Test("while counting, a change in a folder that was not reached is left to the counter")
  func counting() {
    ledger.beginCounting()
    #expect(ledger.stats.isCounting)
    ledger.record(one, to: .temp, in: month)
    #expect(ledger.stats.temp == Tally())
    ledger.counted(month, [.temp: Tally(size: 30, count: 3)], linked: [])
    #expect(ledger.hasCounted(month))
    #expect(!ledger.hasCounted(other))
    ledger.record(one, to: .temp, in: month)
    ledger.record(one, to: .temp, in: other)
    #expect(ledger.stats.temp == Tally(size: 40, count: 4))
    ledger.endCounting()
    #expect(!ledger.stats.isCounting)
    ledger.record(one, to: .temp, in: other)
    #expect(ledger.stats.temp == Tally(size: 50, count: 5))
  }

  @Test("while counting, a staged file is booked at once, because no counter visits it")
  func stagedWhileCounting() {
    ledger.beginCounting()
    ledger.record(one, to: .user(.images, "user-7"), in: nil)
    #expect(ledger.stats.images == one)
  }

  @Test("while counting, a file with several names is booked once one of them was counted")
  func linksWhileCounting() {
    let file = FileIdentity(device: 1, inode: 9)
    ledger.beginCounting()
    ledger.counted(month, [.temp: one], linked: [file])
    #expect(ledger.isCountedLink(file))
    ledger.record(Tally(size: 5), to: .temp, in: other, file: file)
    #expect(ledger.stats.temp == Tally(size: 15, count: 1))
  }

  @Test("figures survive being saved and read")
  func saved() throws {
    ledger.userFolderAppeared("user-é", in: .images)
    ledger.userFolderAppeared("user-e\u{301}", in: .thumbnails)
    ledger.userFolderAppeared("user-empty", in: .images)
    ledger.record(one, to: .user(.images, "user-é"), in: month)
    ledger.record(one + one, to: .user(.thumbnails, "user-e\u{301}"), in: month)
    ledger.record(one, to: .temp, in: month)
    let restored = Ledger()
    restored.withState { state in ledger.withState { UsageFile($0).restore(&state) } }
    #expect(restored.stats == ledger.stats)
    for user in ["user-é", "user-e\u{301}", "user-empty"] as [FileName] {
      #expect(restored.stats(of: user) == ledger.stats(of: user))
    }
    restored.userFolderVanished("user-empty", from: .images)
    #expect(restored.stats.users == 2)
  }
}
