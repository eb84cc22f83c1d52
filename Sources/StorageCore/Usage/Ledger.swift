internal import Glibc
internal import Synchronization

/// Counts what the storage root holds, so that usage figures cost no walk.
///
/// Whoever makes, grows or removes a file says so here. While a
/// ``UsageCounter`` is still going through the folders, changes in a folder it
/// has not reached are left to it.
///
/// A count of what has figures already goes into figures of its own, which take the others' place when it has ended.
package final class Ledger: Sendable {
  private let books = Mutex(Books())

  package init() {}

  private struct Books {
    var shown = State()
    /// Those of a new count.
    var recount: State?

    mutating func change(_ body: (inout State) -> Void) {
      body(&shown)
      _ = changeRecount(body)
    }

    /// `nil` where there is no new count.
    private mutating func changeRecount<Result>(_ body: (inout State) -> Result) -> Result? {
      // Taken out, so that it is changed in place.
      guard var taken = recount.take() else { return nil }
      defer { recount = taken }
      return body(&taken)
    }

    /// Whatever a counter counts into.
    mutating func counter<Result>(_ body: (inout State) -> Result) -> Result {
      changeRecount(body) ?? body(&shown)
    }
  }

  /// The figures and what the counter has reached.
  package struct State: Sendable {
    var users: [FileName: UserTallies] = [:]
    var images = Tally()
    var thumbnails = Tally()
    var temp = Tally()
    /// `nil` once the figures are exact.
    var counted: Counted?
    /// The disk failed where a failure may leave what is not counted: the next start counts anew.
    var isDoubtful = false

    struct UserTallies: Sendable {
      var images = Tally()
      var thumbnails = Tally()
      /// Which of `images` and `thumbnails` has a folder of the user.
      var areas: Set<Area> = []

      /// While a count is under way, a user may have files before a folder of his was met.
      var isNothing: Bool { areas.isEmpty && images == Tally() && thumbnails == Tally() }
    }

    /// What a running count has been through.
    struct Counted: Sendable {
      var folders: Set<FileIdentity> = []
      /// How often a folder came or moved, perhaps to where the counter has been already.
      var moves = 0
      /// Files with several names, which are counted once.
      var linkedFiles: Set<FileIdentity> = []
    }

    mutating func add(_ change: Tally, to account: Account) {
      switch account {
      case .temp: temp += change
      case .user(.images, let user):
        images += change
        users[user, default: UserTallies()].images += change
      case .user(.thumbnails, let user):
        thumbnails += change
        users[user, default: UserTallies()].thumbnails += change
      }
    }

    mutating func rename(_ old: FileName, to new: FileName, in area: Area) {
      guard var tallies = users[old] else { return }
      let moved = area == .images ? tallies.images : tallies.thumbnails
      if area == .images { tallies.images = Tally() } else { tallies.thumbnails = Tally() }
      tallies.areas.remove(area)
      users[old] = tallies.isNothing ? nil : tallies
      users[new, default: .init()].areas.insert(area)
      if area == .images { users[new]?.images += moved } else { users[new]?.thumbnails += moved }
    }

    func reaches(_ folder: FileIdentity?, _ file: FileIdentity?) -> Bool {
      guard let counted, let folder else { return true }
      return counted.folders.contains(folder) || file.map(counted.linkedFiles.contains) ?? false
    }
  }

  /// Adds `change` to an account.
  ///
  /// - Parameter folder: where the file is; `nil` for a staged file, which no counter visits.
  package func record(_ change: Tally, to account: Account, in folder: FileIdentity?, file: FileIdentity? = nil) {
    books.withLock { books in
      books.change { if $0.reaches(folder, file) { $0.add(change, to: account) } }
    }
  }

  /// Takes a file off an account: its last name, which was in `folder`, is gone; `nil` where the file was staged.
  ///
  /// Its number is soon another file's, which a counter is not to take for this one.
  func recordEnd(of file: FileIdentity, _ tally: Tally, in account: Account, _ folder: FileIdentity?) {
    books.withLock { books in
      books.change { state in
        if state.reaches(folder, file) { state.add(Tally() - tally, to: account) }
        state.counted?.linkedFiles.remove(file)
      }
    }
  }

  /// A file gets a further name in `folder`, beside the one in `home`. A counter is to count it once.
  ///
  /// - Parameter tally: of the file, under ``Account/temp``.
  func willLink(_ file: FileIdentity, from home: FileIdentity, to folder: FileIdentity, _ tally: Tally) {
    books.withLock { books in
      books.change { state in
        guard let counted = state.counted, !counted.linkedFiles.contains(file) else { return }
        if !counted.folders.contains(home) {
          guard counted.folders.contains(folder) else { return }
          // The counter has been where the new name is, and may find the old one gone.
          state.add(tally, to: .temp)
        }
        state.counted?.linkedFiles.insert(file)
      }
    }
  }

  /// A file that has other names, too, was booked in `folder`. Where a counter has been there, it is not to count the file
  /// once more by those.
  func wasBooked(_ file: FileIdentity, in folder: FileIdentity?) {
    books.withLock { books in
      books.change { state in
        guard let folder, let counted = state.counted, counted.folders.contains(folder) else { return }
        state.counted?.linkedFiles.insert(file)
      }
    }
  }

  /// Whether somebody counts.
  var isCounting: Bool { books.withLock { $0.recount != nil || $0.shown.counted != nil } }

  /// A folder was made: there is nothing in it that a counter would have to look for. The caller is within the gate.
  func folderMade(_ folder: FileIdentity) {
    books.withLock { books in books.change { _ = $0.counted?.folders.insert(folder) } }
  }

  package func userFolderAppeared(_ user: FileName, in area: Area) {
    books.withLock { books in books.change { _ = $0.users[user, default: .init()].areas.insert(area) } }
  }

  package func userFolderVanished(_ user: FileName, from area: Area) {
    books.withLock { books in
      books.change { state in
        state.users[user]?.areas.remove(area)
        if state.users[user]?.isNothing ?? false { state.users[user] = nil }
      }
    }
  }

  /// A user's folder has a new name, and all that is in it with it.
  package func userFolderRenamed(_ old: FileName, to new: FileName, in area: Area) {
    books.withLock { books in books.change { $0.rename(old, to: new, in: area) } }
  }

  /// Moves what the folders of a renamed year or month hold from one user to another.
  ///
  /// - Parameter tallies: with the folder of each; `nil` for files that are staged.
  package func move(
    _ tallies: [(folder: FileIdentity?, tally: Tally)], from old: FileName, to new: FileName, in area: Area
  ) {
    books.withLock { books in
      books.change { state in
        for (folder, tally) in tallies where state.reaches(folder, nil) {
          state.add(Tally() - tally, to: .user(area, old))
          state.add(tally, to: .user(area, new))
        }
      }
    }
  }

  /// The figures of the whole; what the ledger does not know is left at zero.
  package var stats: StorageStats {
    books.withLock { books in
      let state = books.shown
      var stats = StorageStats()
      stats.images = state.images.shown
      stats.thumbnails = state.thumbnails.shown
      stats.temp = state.temp.shown
      stats.users = state.users.values.count { !$0.areas.isEmpty }
      stats.isCounting = state.counted != nil
      return stats
    }
  }

  /// The figures of one user.
  package func stats(of user: FileName) -> StorageStats {
    books.withLock { books in
      let state = books.shown
      var stats = StorageStats()
      stats.images = state.users[user]?.images.shown ?? Tally()
      stats.thumbnails = state.users[user]?.thumbnails.shown ?? Tally()
      stats.users = 1
      stats.isCounting = state.counted != nil
      return stats
    }
  }

  // MARK: Counting

  package func withState<Result>(_ body: (inout State) -> Result) -> Result {
    books.withLock { body(&$0.shown) }
  }

  // MARK: Counting

  /// Nothing has been counted yet.
  func beginCounting() { books.withLock { $0.shown.counted = State.Counted() } }

  /// Counts anew, beside the figures that there are.
  ///
  /// - Parameter staged: of files that no counter visits.
  func beginRecount(_ staged: [(account: Account, tally: Tally)]) {
    books.withLock { books in
      var recount = State()
      recount.counted = State.Counted()
      for (account, tally) in staged { recount.add(tally, to: account) }
      books.recount = recount
    }
  }

  /// A count has come to its end, or was given up.
  func endCounting(isComplete: Bool = true) {
    books.withLock { books in
      guard let recount = books.recount else {
        if isComplete { books.shown.counted = nil }
        return
      }
      books.recount = nil
      guard isComplete else { return }
      books.shown = recount
      books.shown.counted = nil
    }
  }

  /// The disk failed.
  package func doubt() { books.withLock { books in books.change { $0.isDoubtful = true } } }

  /// A folder was made, or has another name now: a counter that is under way has to look for it.
  package func folderMoved() { books.withLock { books in books.change { $0.counted?.moves += 1 } } }

  /// How often that was said.
  var moves: Int { books.withLock { $0.counter { $0.counted?.moves ?? 0 } } }

  func hasCounted(_ folder: FileIdentity) -> Bool {
    books.withLock { $0.counter { $0.counted?.folders.contains(folder) ?? true } }
  }

  /// Takes over what a counter found in one folder.
  func counted(_ folder: FileIdentity, _ tallies: [Account: Tally], linked: Set<FileIdentity>) {
    books.withLock { books in
      books.counter { state in
        state.counted?.folders.insert(folder)
        state.counted?.linkedFiles.formUnion(linked)
        for (account, tally) in tallies { state.add(tally, to: account) }
      }
    }
  }

  func isCountedLink(_ file: FileIdentity) -> Bool {
    books.withLock { $0.counter { $0.counted?.linkedFiles.contains(file) ?? false } }
  }
}
