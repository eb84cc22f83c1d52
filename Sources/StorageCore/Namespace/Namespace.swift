package import Glibc
internal import SystemPackage

/// The tree's names: the one owner of their changes.
///
/// Whoever changes the tree calls a verb here: the mount for its callers, the library for its own. A verb sees to the
/// staging folder, the files that wait for their names, the figures and the chunks of a session. What it says is true when
/// it returns.
///
/// The caller of a verb holds the gate and the locks of the folders (`storage.names`) that the verb's comment names. The
/// verbs take the locks of the files (`storage.sizes`).
package struct Namespace: Sendable {
  let storage: Storage
}

extension Storage {
  package var namespace: Namespace { Namespace(storage: self) }
}

extension Namespace {
  /// A folder in which names change.
  package struct Folder: Sendable {
    package let descriptor: SharedDescriptor
    package let identity: FileIdentity
    package let place: Place
    /// The folder of the user to whom what is in it belongs; `nil` outside `images` and `thumbnails`.
    let user: FileName?
    /// Of an upload session's folder.
    package let session: UploadSession?
    /// From the root on. Asked for where a path is needed.
    let names: @Sendable () -> [FileName]

    package init(
      _ descriptor: SharedDescriptor, _ identity: FileIdentity, _ place: Place, user: FileName?,
      session: UploadSession?, names: @escaping @Sendable () -> [FileName]
    ) {
      self.descriptor = descriptor
      self.identity = identity
      self.place = place
      self.user = user
      self.session = session
      self.names = names
    }

    /// What a file of a place in this folder is counted under.
    package func account(of place: Place) -> Account { Account(of: place, user: user) }

    /// The path of an entry, relative to the storage root.
    package func path(of name: FileName) -> String { Layout.path(names() + [name]) }

    /// What the record of a staged file says that is on its way to a name.
    func origin(of name: FileName) -> Origin { Origin(path: path(of: name), folder: identity) }
  }

  /// Where a name leads to in the storage root: to a file in its folder, or to one that is staged.
  package struct Location: Sendable {
    package let folder: SharedDescriptor
    package let name: FileName
    /// Not under its own name in the storage root yet.
    package let isStaged: Bool

    package init(folder: SharedDescriptor, name: FileName, isStaged: Bool) {
      self.folder = folder
      self.name = name
      self.isStaged = isStaged
    }
  }

  /// What was found under a name.
  package struct Found: Sendable {
    package let location: Location
    package let stat: stat

    package init(location: Location, stat: stat) {
      self.location = location
      self.stat = stat
    }

    package var identity: FileIdentity { FileIdentity(stat) }
  }

  /// A name in a folder, and what is there.
  package struct Entry: Sendable {
    package let folder: Folder
    package let name: FileName
    package let place: Place
    package let found: Found?

    package init(folder: Folder, name: FileName, place: Place, found: Found?) {
      self.folder = folder
      self.name = name
      self.place = place
      self.found = found
    }

    var origin: Origin { folder.origin(of: name) }
    /// From the root on.
    var names: [FileName] { folder.names() + [name] }
    /// What a file is counted under here.
    var account: Account { folder.account(of: place) }
  }

  /// Where a name is.
  ///
  /// - Parameters:
  ///   - folder: of the name, open.
  ///   - identity: of the folder.
  package func location(
    of name: FileName, in folder: SharedDescriptor, _ identity: FileIdentity
  ) throws(StorageError) -> Location {
    if let staged = storage.pending.staged(name, in: identity) {
      return Location(folder: try storage.staging.folder, name: staged, isStaged: true)
    }
    return Location(folder: folder, name: name, isStaged: false)
  }

  /// What is under a name; `nil` where there is nothing. The parameters are those of ``location(of:in:_:)``.
  package func find(_ name: FileName, in folder: SharedDescriptor, _ identity: FileIdentity) throws -> Found? {
    // Again, because a file can be published between the two looks.
    for _ in 0..<3 {
      let location = try location(of: name, in: folder, identity)
      do throws(Errno) {
        return Found(location: location, stat: try Sys.stat(location.name, in: location.folder))
      } catch {
        guard error == .noSuchFileOrDirectory else { throw error }
        // It may just have got its name.
        if location.isStaged, let stat = try? Sys.stat(name, in: folder) {
          return Found(location: Location(folder: folder, name: name, isStaged: false), stat: stat)
        }
        if !location.isStaged, storage.pending.staged(name, in: identity) == nil { return nil }
      }
    }
    return nil
  }

  /// Refuses a staged file of which a write failed: it would be half a file under a final name.
  func checkWhole(_ found: Found) throws(StorageError) {
    guard found.location.isStaged,
      let failure = storage.openFiles?.failure(of: found.identity) ?? storage.pending.failure(found.location.name)
    else { return }
    throw .notWhole(failure)
  }

  /// Whether somebody was told that the file is on disk.
  func isSynchronized(_ found: Found) -> Bool {
    if found.location.isStaged, storage.pending.isSynchronized(found.location.name) { return true }
    return storage.openFiles?.isSynchronized(found.identity) ?? false
  }

  /// Whether somebody has the file open for writing whose close has not been seen.
  func isBeingWritten(_ found: Found) -> Bool { storage.openFiles?.isBeingWritten(found.identity) ?? false }

  /// Takes a file from one account to another while `change` gives it its new name. The caller holds the file's lock.
  ///
  /// - Parameters:
  ///   - found: the file before.
  ///   - old: where it was counted; without a folder where it was staged.
  ///   - new: asked after the change.
  func counting(
    _ found: Found, from old: (account: Account, folder: FileIdentity?),
    to new: () -> (account: Account, folder: FileIdentity?), _ change: () throws -> Void
  ) throws {
    guard found.stat.isRegularFile else { return try change() }
    let size = try storage.openFiles?.bookGrowth(of: found.identity) ?? Int64(found.stat.st_size)
    try change()
    let (new, tally) = (new(), Tally(size: size, count: 1))
    storage.ledger.record(Tally() - tally, to: old.account, in: old.folder, file: found.identity)
    storage.ledger.record(tally, to: new.account, in: new.folder, file: found.identity)
    if found.stat.st_nlink > 1 { storage.ledger.wasBooked(found.identity, in: new.folder) }
  }
}
