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
  /// Asked between folders; true ends the count early.
  let isCancelled: () -> Bool

  /// Whether the count came to its end.
  func run() -> Bool {
    while !isCancelled() {
      var found = 0
      let moves = ledger.moves
      for area in Area.allCases {
        visit(area.folderName, in: root) { user, users in
          guard case .user? = try? Place.area(area).child(user) else { return }
          ledger.userFolderAppeared(user, in: area)
          visit(user, in: users) { year, years in
            visit(year, in: years) { month, months in
              found += count(month, in: months) { name in
                switch try? Place.month(area).child(name) {
                case .image: .user(area, user)
                // A copying tool's temporary file, left there before it was mounted.
                case .work: .temp
                default: nil
                }
              }
            }
          }
        }
      }
      visit("temp", in: root) { name, folder in found += countTree(name, in: folder, below: ["temp"]) }
      if found == 0, ledger.moves == moves { return !isCancelled() }
    }
    return false
  }

  /// Calls `body` for each folder in `name`. One that vanished meanwhile has nothing to count.
  private func visit(_ name: FileName, in parent: CInt, _ body: (FileName, CInt) -> Void) {
    guard !isCancelled(), let folder = try? Sys.openFolder(name, in: parent),
      let entries = try? FolderStream.all(of: folder.raw)
    else { return }
    for entry in entries where entry.type == UInt8(DT_DIR) || entry.type == UInt8(DT_UNKNOWN) {
      body(entry.name, folder.raw)
    }
  }

  /// Counts a folder and all below it; returns how many folders were new.
  ///
  /// - Parameter path: what leads to it.
  private func countTree(_ name: FileName, in parent: CInt, below path: [FileName]) -> Int {
    let isSession = path == Layout.uploadsPath
    var found = count(name, in: parent) { file in
      // A result that has not taken its place yet; it is booked when it does.
      isSession && file == Layout.completing ? nil : .temp
    }
    visit(name, in: parent) { child, folder in found += countTree(child, in: folder, below: path + [name]) }
    return found
  }

  /// Counts the files of one folder, if that was not done before.
  ///
  /// - Parameter account: what a file is counted under; `nil` where it is none of ours.
  private func count(_ name: FileName, in parent: CInt, as account: (FileName) -> Account?) -> Int {
    guard !isCancelled(), let folder = try? Sys.openFolder(name, in: parent),
      let stat = try? Sys.stat(folder)
    else { return 0 }
    let identity = FileIdentity(stat)
    guard !ledger.hasCounted(identity) else { return 0 }
    gate.still {
      let entries = (try? FolderStream.all(of: folder.raw)) ?? []
      var tallies: [Account: Tally] = [:]
      var linked: Set<FileIdentity> = []
      for entry in entries where entry.type == UInt8(DT_REG) || entry.type == UInt8(DT_UNKNOWN) {
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

extension Storage {
  /// What is booked for the images in a folder's tree, for a rename that takes it from one user to another. A walk, by a
  /// caller that is within the gate, alone.
  package func tally(below name: FileName, in parent: CInt) throws(StorageError) -> Tally {
    try StorageError.wrap("counting \(name)") { () throws(Errno) in
      var folders = Set<FileIdentity>()
      var tally = try tally(below: name, in: parent, &folders)
      guard let staging = try? staging else { return tally }
      for (key, staged) in pending.everything where folders.contains(key.folder) && !key.name.isHidden {
        tally += booked(try Sys.stat(staged, in: staging.folder))
      }
      return tally
    }
  }

  private func tally(
    below name: FileName, in parent: CInt, _ folders: inout Set<FileIdentity>
  ) throws(Errno) -> Tally {
    let folder = try Sys.openFolder(name, in: parent)
    folders.insert(FileIdentity(try Sys.stat(folder)))
    var tally = Tally()
    for entry in try FolderStream.all(of: folder.raw) {
      let stat = try Sys.stat(entry.name, in: folder)
      if stat.isFolder {
        tally += try self.tally(below: entry.name, in: folder.raw, &folders)
      } else if stat.isRegularFile, !entry.name.isHidden {
        tally += booked(stat)
      }
    }
    return tally
  }

  /// What the ledger has for a file.
  private func booked(_ stat: stat) -> Tally {
    Tally(size: observer?.bookedSize(FileIdentity(stat)) ?? Int64(stat.st_size), count: 1)
  }
}
