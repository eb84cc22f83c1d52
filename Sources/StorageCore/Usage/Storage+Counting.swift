internal import Glibc
internal import SystemPackage

/// Counting on behalf of the storage.
extension Storage {
  /// What an earlier version published as an image stays where it is, but is none any more: somebody has to know.
  func noteWorkNames(_ count: Int, first: [FileName]) {
    let others = count == 1 ? "" : ", and so are \(count - 1) more files"
    refusals.add(
      operation: "mount", path: Layout.path(first), errno: .invalidArgument,
      advice: "is named as tools name their temporary files\(others); "
        + "no cleanup takes it, but it counts as no image and is not verified: rename it")
  }

  /// What is booked for the images in a folder's tree, for a rename that takes it from one user to another. A walk, by a
  /// caller that is within the gate, alone.
  ///
  /// - Returns: of each folder; without one, of the files that are staged.
  package func tallies(
    below name: FileName, in parent: CInt
  ) throws(StorageError) -> [(folder: FileIdentity?, tally: Tally)] {
    try StorageError.wrap("counting \(name)") { () throws(Errno) in
      var folders: [FileIdentity: Tally] = [:]
      try tally(below: name, in: parent, &folders)
      var staged = Tally()
      if let staging = try? staging {
        for (key, name) in pending.everything
        where folders[key.folder] != nil && !NameRules.isWorkName(key.name) {
          staged += booked(try Sys.stat(name, in: staging.folder))
        }
      }
      return folders.map { ($0.key, $0.value) } + [(nil, staged)]
    }
  }

  private func tally(
    below name: FileName, in parent: CInt, _ folders: inout [FileIdentity: Tally]
  ) throws(Errno) {
    let folder = try Sys.openFolder(name, in: parent)
    var tally = Tally()
    for entry in try FolderStream.all(of: folder.raw) {
      let stat = try Sys.stat(entry.name, in: folder)
      if stat.isFolder {
        try self.tally(below: entry.name, in: folder.raw, &folders)
      } else if stat.isRegularFile, !NameRules.isWorkName(entry.name) {
        tally += booked(stat)
      }
    }
    folders[FileIdentity(try Sys.stat(folder))] = tally
  }

  /// Counts anew what the storage root holds, as after changes that were made behind the mount's back. Whoever works in it
  /// goes on; the figures change when all is counted.
  ///
  /// - Parameter isCancelled: asked between folders; true ends the count, and the figures stay as they are.
  package func recount(isCancelled: @escaping () -> Bool = { false }) throws(StorageError) {
    // What is being counted already is counted before.
    _ = counting.wait(until: nil) { isCounting, _ -> Void? in
      guard !isCounting else { return nil }
      isCounting = true
    }
    defer { counting.change { $0 = false } }
    try gate.still { () throws(StorageError) in
      let staging = try staging
      ledger.beginRecount(
        pending.everything.compactMap { key, staged in
          guard let stat = try? Sys.stat(staged, in: staging.folder) else { return nil }
          let account = NameRules.isWorkName(key.name) ? .temp : openFiles?.account(ofFolder: key.folder) ?? .temp
          return (account, booked(stat))
        })
    }
    var failure: Errno?
    let counter = UsageCounter(
      root: root.descriptor, ledger: ledger, gate: gate, openSize: { self.openFiles?.bookedSize($0) },
      foundWork: { _ in }, failed: { failure = failure ?? $0 }, isCancelled: { self.isStopping || isCancelled() })
    let isComplete = counter.run()
    gate.still { ledger.endCounting(isComplete: isComplete && failure == nil) }
    // Figures of what could be looked at are worse than those that there are.
    if let failure { throw .system(failure, doing: "counting; the figures stay as they are") }
  }

  /// What the ledger has for a file.
  private func booked(_ stat: stat) -> Tally {
    Tally(size: openFiles?.bookedSize(FileIdentity(stat)) ?? Int64(stat.st_size), count: 1)
  }
}
