internal import Glibc
internal import Synchronization
internal import SystemPackage

/// The documented storage service: images and thumbnails by user, year and
/// month, chunked uploads, usage figures, cleaning up.
///
/// Make one per storage root, call ``initialize()``, use it from any thread,
/// and ``close()`` it. A root has one owner at a time.
public final class Storage: Sendable {
  /// The storage root, absolute.
  public let path: String
  /// The last refusals.
  public let refusals: RefusalLog

  package let root: Root
  package let freeSpace: FreeSpace
  let ledger = Ledger()
  package let gate = Gate()
  /// By folder: held while a name in it is given or taken away. What is found under a name is true while it is held.
  package let names = LockStripes(.folders)
  /// By file: held while what the ledger has of a file and what the disk has are brought in line.
  package let sizes = LockStripes(.files)
  let pending = PendingFiles()
  package let uploads = Uploads()
  package let digests = Digests()
  let chunkRemoval = ChunkRemoval()
  /// Held by the cleanup that runs. Nothing else takes it but the end of the storage, which waits for that.
  let sweeping = Monitor(false)
  package let torn = TornFiles()

  private let opened = Mutex<Opened?>(nil)
  private let displaced = Mutex<[DisplacedFile]>([])
  private let putBack = Mutex<[FileName]>([])
  let counting = Monitor(false)
  private let stopping = Atomic(false)
  package let ownWork = OwnWork()
  private struct WeakQuery { weak var value: (any OpenFilesQuery)? }
  private let openFilesQuery = Mutex(WeakQuery())
  private let abandonment = Mutex<@Sendable () -> Bool>({ false })
  private let resting = Mutex<@Sendable () -> Bool>({ false })

  /// What there is after ``initialize()`` only.
  private struct Opened {
    let staging: Staging
    let abilities: RootAbilities
    let isReadOnly: Bool
    let privateFolder: SharedDescriptor
    let lock: SharedDescriptor
  }

  /// Opens a storage root. The folder is made where it is missing.
  ///
  /// - Parameter path: the root; a relative one is resolved once, now.
  public convenience init(path: String) throws(StorageError) {
    try self.init(path: path, refusals: RefusalLog())
  }

  package init(path: String, refusals: RefusalLog) throws(StorageError) {
    self.refusals = refusals
    let made = path.withCString { mkdir($0, mode_t(Layout.folderMode)) }
    let error = errno
    guard made == 0 || error == EEXIST else {
      throw .system(Errno(rawValue: error), doing: "making the storage root \(path)")
    }
    let descriptor = try StorageError.wrap("opening the storage root \(path)") { () throws(Errno) in
      try Sys.openBeneathNothing(path)
    }
    root = Root(descriptor)
    freeSpace = FreeSpace(root)
    self.path = try StorageError.wrap("resolving \(path)") { () throws(Errno) in try Sys.realPath(path) }
  }

  /// Makes the documented folders, takes the root into this process's sole use,
  /// brings what an earlier run left half-done in order, and starts counting
  /// where no figures were left.
  ///
  /// - Parameters:
  ///   - user: who has the root, for the message that a second one gets.
  ///   - recounts: counts also where figures were left, as after changes that were made past the service.
  /// - Throws: ``StorageError/inUse(_:)`` where somebody has.
  public func initialize(as user: String = "another program", recounts: Bool = false) throws(StorageError) {
    _ = try initialize(as: user, inheriting: nil, recounts: recounts)
  }

  /// As ``initialize(as:)``, where what an earlier process had open lives on.
  ///
  /// - Parameter onlyToRead: nothing is to be changed: where nothing can be, on a read-only disk or in a snapshot, all stays as
  ///   it is, what an earlier run left half-done included.
  /// - Returns: the staged names of those open files that have no other yet.
  package func initialize(
    as user: String, inheriting inheritance: Inheritance?, recounts: Bool = false, onlyToRead: Bool = false
  ) throws(StorageError) -> [FileIdentity: FileName] {
    let isNew = (try? Sys.stat(Layout.privateFolder, in: root.descriptor)) == nil
    let lock =
      if let inheritance { try RootLock(inherited: inheritance.lock, by: user) } else {
        try RootLock.take(root, at: path, by: user, onlyToRead: onlyToRead)
      }
    let isReadOnly = lock.isReadOnly
    try StorageError.wrap("making the documented folders") { () throws(Errno) in
      if isReadOnly { return }
      // Later the mode is whatever it was changed to.
      if isNew { try Sys.chmod(root.descriptor, mode_t(Layout.folderMode)) }
      for names in Layout.folders { _ = try root.makeFolders(names, owner: nil) }
    }
    let (privateFolder, folder) = try StorageError.wrap("opening the staging folder") { () throws(Errno) in
      (
        SharedDescriptor(try root.openFolder([Layout.privateFolder])),
        SharedDescriptor(try root.openFolder([Layout.privateFolder, Layout.staging]))
      )
    }
    if !isReadOnly {
      let names = SetAside.putBack(in: root, refusals)
      putBack.withLock { $0 = names }
    }
    loadSettings(privateFolder.raw)
    let dataFolder = try StorageError.wrap("opening the folder of uploads") { () throws(Errno) in
      SharedDescriptor(try root.openFolder([Layout.privateFolder, Layout.uploadData]))
    }
    let abilities =
      if inheritance != nil || isReadOnly, let kept = RootAbilities(keptIn: privateFolder) {
        kept
      } else if isReadOnly {
        RootAbilities()
      } else {
        try RootAbilities(probing: privateFolder, of: path)
      }
    var recovery = Recovery(
      root: root, staging: folder, uploadData: dataFolder, refusals: refusals, isCacheKept: lock.isCacheKept,
      abilities: abilities, areNumbersKept: lock.areNumbersKept, open: inheritance?.open ?? [],
      isGoingOn: inheritance != nil, isReadOnly: isReadOnly)
    let found = try recovery.run()
    var sessionRecovery = SessionRecovery(
      root: root, dataFolder: dataFolder, refusals: refusals, isCacheKept: lock.isCacheKept,
      abilities: abilities, isReadOnly: isReadOnly, chunksInUse: inheritance?.chunks ?? [:])
    let sessions = try sessionRecovery.run()
    torn.note(recovery.torn)
    // What could not be looked at the next start is not to trust, either.
    if !recovery.hasLeftPublished { try lock.recovered() }
    uploads.begin(dataFolder: dataFolder, abilities, with: sessions)
    for file in found.adopted {
      pending.add(file.name, in: file.folder, staged: file.staged)
      pending.recall(file.staged, file.failure)
    }
    let staging = Staging(
      folder: folder, firstNumber: found.firstNumber, sizes: sizes, refusals: refusals, ownWork: ownWork,
      abilities: abilities)
    for (file, staged, path) in found.unsettled {
      staging.settle(staged, file)
      if let path = try? StoragePath(parsing: path) { digests.wantFromBefore(file, at: path.names) }
    }
    displaced.withLock { $0 = found.displaced }
    opened.withLock {
      $0 = Opened(
        staging: staging, abilities: abilities, isReadOnly: isReadOnly, privateFolder: privateFolder,
        lock: lock.descriptor)
    }
    try loadUsage(
      privateFolder.raw, adopted: found.adopted,
      areTrue: !recounts && !recovery.hasChangedFiles && !sessionRecovery.hasChangedFiles, isReadOnly: isReadOnly)
    if inheritance == nil {
      settleLeftDisplaced()
      // Nobody waits for anything else yet.
      if !startCounting() { count() }
    }
    return found.open
  }

  /// The descriptor that holds the root's lock; -1 while the root is not in use.
  package var lockDescriptor: CInt { opened.withLock { $0?.lock.raw ?? -1 } }

  /// Sees to files that were being replaced when the last server ended: once it is known who waits for their names.
  package func settleLeftDisplaced() {
    settleDisplaced(
      displaced.withLock { displaced in
        defer { displaced = [] }
        return displaced
      })
  }

  /// Tells whoever presents the tree of names that have come back to the workspace since the last server: once there is
  /// somebody who can be told.
  package func tellPutBack() {
    let names = putBack.withLock { names in
      defer { names = [] }
      return names
    }
    guard !names.isEmpty, let folder = try? root.openFolder(Layout.workspacePath), let stat = try? Sys.stat(folder)
    else { return }
    observer?.changed(names, in: FileIdentity(stat))
  }

  /// What the file system below can do.
  package var abilities: RootAbilities { opened.withLock { $0?.abilities ?? RootAbilities() } }

  /// Nothing in the storage root can be changed.
  package var isReadOnly: Bool { opened.withLock { $0?.isReadOnly ?? false } }

  /// Waits until everything published is on disk and leaves the figures for the next start.
  public func close() throws(StorageError) {
    stopping.store(true, ordering: .relaxed)
    chunkRemoval.wait()
    _ = sweeping.wait(until: nil) { isSweeping, _ in isSweeping ? nil : () }
    guard
      let opened = opened.withLock({ opened in
        defer { opened = nil }
        return opened
      })
    else { return }
    waitUntilCounted()
    opened.staging.close()
    if opened.isReadOnly { return }
    discardDisposable(opened.staging)
    try gate.still { () throws(StorageError) in
      guard !ledger.stats.isCounting, !ledger.withState({ $0.isDoubtful }) else { return }
      try UsageFile(ledger.withState { $0 }).save(in: opened.privateFolder.raw)
    }
    // The lock goes with its descriptor, last.
    _ = opened.lock
  }

  /// Takes away what nobody comes back for, such as a marker that was open when the mount was taken away.
  private func discardDisposable(_ staging: Staging) {
    for entry in (try? FolderStream.all(of: staging.folder)) ?? []
    where StagedName(parsing: entry.name)?.origin == Origin.disposable.path {
      // One that stays is taken away by the next start.
      try? staging.discard(entry.name)
    }
  }

  package var staging: Staging {
    get throws(StorageError) {
      guard let opened = opened.withLock({ $0 }) else {
        throw .system(.badFileDescriptor, doing: "using a storage that is not initialized")
      }
      return opened.staging
    }
  }

  /// Has what takes long given up where `condition` says that nobody waits for it any more.
  package func abandons(_ condition: @escaping @Sendable () -> Bool) { abandonment.withLock { $0 = condition } }

  /// The storage is being closed: what takes long is given up.
  var isStopping: Bool { stopping.load(ordering: .relaxed) }
  /// Has what the server does to files by itself wait while `condition` says that the mount is read-only.
  package func rests(while condition: @escaping @Sendable () -> Bool) { resting.withLock { $0 = condition } }

  /// Whether nothing is to be changed now but by who asks for it.
  var isAtRest: Bool { resting.withLock { $0 }() }

  /// Whether nobody waits for what is being done for others.
  var isAbandoned: Bool { abandonment.withLock { $0 }() }

  /// Who has files open for others, as a mount has.
  package var openFiles: (any OpenFilesQuery)? {
    get { openFilesQuery.withLock { $0.value } }
    set { openFilesQuery.withLock { $0.value = newValue } }
  }

  package var observer: (any StorageObserver)? {
    get { ownWork.observer }
    set { ownWork.observer = newValue }
  }

  /// The process that has, or had last, a storage root in use.
  package static func user(of root: String) -> Int32? { RootLock.content(root: root)?.process }

  // MARK: Figures

  /// Usage of the whole, from counters.
  public func getStorageStats() throws(StorageError) -> StorageStats {
    chunkRemoval.wait()
    var stats = ledger.stats
    stats.availableSpace = try availableSpace()
    (stats.activeSessions, stats.completedSessions) = uploads.counts
    stats.integrity = digests.figures
    if digests.hasNoAttributes { stats.integrity?.unverified = stats.images.count &+ stats.thumbnails.count }
    return stats
  }

  /// Usage of one user, from counters.
  public func getStorageStats(userID: String) throws(StorageError) -> StorageStats {
    try stats(ofFolder: FileName("user-\(userID)"))
  }

  package func stats(ofFolder user: FileName) throws(StorageError) -> StorageStats {
    var stats = ledger.stats(of: user)
    stats.availableSpace = try availableSpace()
    return stats
  }

  /// Waits until the figures are exact.
  public func waitUntilCounted() { _ = counting.wait(until: nil) { isCounting, _ in isCounting ? nil : () } }

  /// Bytes that an unprivileged user can still write.
  public func availableSpace() throws(StorageError) -> Int64 {
    try StorageError.wrap("asking for free space") { () throws(Errno) in try freeSpace.available() }
  }

  /// Whether `size` bytes fit.
  public func hasEnoughSpace(_ size: Int64) throws(StorageError) -> Bool { try availableSpace() >= size }

  /// Takes the figures that the last stop left, or counts in the background.
  private func loadUsage(
    _ privateFolder: CInt, adopted: [AdoptedFile], areTrue: Bool, isReadOnly: Bool
  ) throws(StorageError) {
    if let file = try UsageFile.take(from: privateFolder, leaving: isReadOnly), areTrue {
      ledger.withState { file.restore(&$0) }
      return
    }
    // Staged files are no counter's to visit.
    for file in adopted {
      let size = (try? Sys.stat(file.staged, in: staging.folder).st_size).map(Int64.init) ?? 0
      let account = (try? StoragePath(parsing: file.path)).map(account) ?? .temp
      ledger.record(Tally(size: size, count: 1), to: account, in: nil)
    }
    ledger.beginCounting()
  }

  /// Counts in the background, where no figures were left: once it is known what is open. Nothing where that is being
  /// done, or no thread is to be had.
  ///
  /// - Returns: false where no thread is to be had.
  @discardableResult
  package func startCounting() -> Bool {
    let isDue = counting.change { isCounting in
      guard !isCounting, ledger.stats.isCounting else { return false }
      isCounting = true
      return true
    }
    guard isDue else { return true }
    let hasStarted = Thread.startIfPossible("counter") { [self] in count() }
    if !hasStarted { counting.change { $0 = false } }
    return hasStarted
  }

  private func count() {
    var work: (count: Int, first: [FileName]) = (0, [])
    let counter = UsageCounter(
      root: root.descriptor, ledger: ledger, gate: gate,
      openSize: { self.openFiles?.openSize($0) },
      foundWork: { work = (work.count + 1, work.count == 0 ? $0 : work.first) }, failed: { _ in self.ledger.doubt() },
      isCancelled: { self.stopping.load(ordering: .relaxed) })
    if counter.run() {
      if work.count > 0 { noteWorkNames(work.count, first: work.first) }
      ledger.endCounting()
    }
    counting.change { $0 = false }
  }
}
