internal import Glibc
internal import SystemPackage

/// Goes through the documented tree and counts it into a ledger while others go on changing it.
///
/// Folder by folder: while one is being counted nothing changes (``Gate/still(_:)``);
/// from then on changes in it are booked by whoever makes them. It goes round until
/// it finds no folder that it has not been in while none came or moved, so that a
/// folder renamed away from under it is still met.
struct UsageCounter {
  let root: CInt
  let ledger: Ledger
  let gate: Gate
  /// The booked size of a file that is open for writing, which may be ahead of or behind the disk's.
  let openSize: (FileIdentity) -> Int64?
  /// Told of each file that lies in a month folder under the name of a tool's temporary file.
  let foundWork: ([FileName]) -> Void
  /// Told of what could not be looked at, and so is not counted.
  var failed: (Errno) -> Void = { _ in }
  /// Asked between folders; true ends the count early.
  let isCancelled: () -> Bool

  /// Microseconds after which a count goes on that had no descriptors: nobody tells when there are some again.
  private static let pause: UInt32 = 100_000

  /// Whether the count came to its end.
  func run() -> Bool {
    while !isCancelled() {
      do throws(Errno) {
        let moves = ledger.moves
        if try countAreas() + countTemp() == 0, ledger.moves == moves { return !isCancelled() }
      } catch {
        // What could not be opened for want of descriptors is there, and is to be counted.
        usleep(Self.pause)
      }
    }
    return false
  }

  /// Returns how many folders were new.
  private func countAreas() throws(Errno) -> Int {
    var found = 0
    for area in Area.allCases {
      try visit(area.folderName, in: root) { user, users throws(Errno) in
        guard case .user? = try? Place.area(area).child(user) else { return }
        gate.still {
          // It may be gone, or be called otherwise, since the list was read.
          if (try? Sys.stat(user, in: users).isFolder) ?? false { ledger.userFolderAppeared(user, in: area) }
        }
        try visit(user, in: users) { year, years throws(Errno) in
          try visit(year, in: years) { month, months throws(Errno) in
            guard let folder = try open(month, in: months) else { return }
            found += try count(folder) { name in
              switch try? Place.month(area).child(name) {
              case .image: return .user(area, user)
              // Left there before it was mounted, or published by a server that took the name for an image's.
              case .work:
                foundWork([area.folderName, user, year, month, name])
                return .temp
              default: return nil
              }
            }
          }
        }
      }
    }
    return found
  }

  /// Counts what is below `temp`, as deep as it goes; returns how many folders were new.
  private func countTemp() throws(Errno) -> Int {
    guard let top = try open("temp", in: root) else { return 0 }
    var found = 0
    let isWhole = try FolderCursor.walk(from: top) { error in
      !error.isWantOfDescriptors
    } _: { cursor throws(Errno) in
      guard !isCancelled() else { return nil }
      if cursor.depth > 0 {
        let isSession = cursor.depth == 2 && ["temp"] + cursor.names.prefix(1) == Layout.uploadsPath
        found += try count(cursor.folder) { file in
          // A result that has not taken its place yet; it is booked when it does.
          isSession && file == Layout.completing ? nil : .temp
        }
      }
      return try folders(in: cursor.folder)
    }
    return isWhole ? found : found + 1
  }

  /// Calls `body` for each folder in `name`. One that vanished meanwhile has nothing to count.
  private func visit(
    _ name: FileName, in parent: CInt, _ body: (FileName, CInt) throws(Errno) -> Void
  ) throws(Errno) {
    guard !isCancelled(), let folder = try open(name, in: parent) else { return }
    for child in try folders(in: folder) { try body(child, folder.raw) }
  }

  /// `nil` where it cannot be opened: there is no folder of that name, or nobody can look into it.
  private func open(_ name: FileName, in parent: CInt) throws(Errno) -> SharedDescriptor? {
    do throws(Errno) {
      return SharedDescriptor(try Sys.openFolder(name, in: parent))
    } catch {
      if error.isWantOfDescriptors { throw error }
      note(error)
      return nil
    }
  }

  private func entries(in folder: SharedDescriptor) throws(Errno) -> [FolderEntry] {
    do throws(Errno) {
      return try FolderStream.all(of: folder)
    } catch {
      if error.isWantOfDescriptors { throw error }
      note(error)
      return []
    }
  }

  /// What vanished meanwhile, or is no folder, has nothing to count.
  private func note(_ error: Errno) {
    switch error {
    case .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels: break
    default: failed(error)
    }
  }

  private func folders(in folder: SharedDescriptor) throws(Errno) -> [FileName] {
    try entries(in: folder).filter { $0.type == UInt8(DT_DIR) || $0.type == UInt8(DT_UNKNOWN) }.map(\.name)
  }

  /// Counts the files of one folder, if that was not done before; returns how many folders were new.
  ///
  /// - Parameter account: what a file is counted under; `nil` where it is none of ours.
  private func count(_ folder: SharedDescriptor, as account: (FileName) -> Account?) throws(Errno) -> Int {
    guard !isCancelled(), let stat = try? Sys.stat(folder) else { return 0 }
    let identity = FileIdentity(stat)
    guard !ledger.hasCounted(identity) else { return 0 }
    try gate.still { () throws(Errno) in
      var tallies: [Account: Tally] = [:]
      var linked: Set<FileIdentity> = []
      for entry in try entries(in: folder) where entry.type == UInt8(DT_REG) || entry.type == UInt8(DT_UNKNOWN) {
        guard let account = account(entry.name), let stat = try? Sys.stat(entry.name, in: folder), stat.isRegularFile
        else { continue }
        let file = FileIdentity(stat)
        if linked.contains(file) || ledger.isCountedLink(file) { continue }
        if stat.st_nlink > 1 { linked.insert(file) }
        tallies[account, default: Tally()] += Tally(size: openSize(file) ?? Int64(stat.st_size), count: 1)
      }
      ledger.counted(identity, tallies, linked: linked)
    }
    return 1
  }
}
