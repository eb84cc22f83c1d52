package import Glibc

/// Whoever presents the tree to others, and has to know what the storage changes by itself.
package protocol StorageObserver: AnyObject, Sendable {
  /// Names in a folder appeared, vanished or lead to other files now.
  func changed(_ names: [FileName], in folder: FileIdentity)
  /// Waits, for a moment at most, until everybody has heard of what changed so far.
  func settleChanges()
  /// The service begins to work on a file by itself (a record dropped, a digest written). The work moves the file's time
  /// of change (`ctime`), by which backup tools tell that somebody has changed the file, and must not show.
  ///
  /// The caller holds the file's lock until ``ownWorkEnded(on:_:_:)``.
  ///
  /// - Parameter before: the file as it is now.
  func ownWorkBegins(on file: FileIdentity, _ before: stat)
  /// The work has ended.
  ///
  /// - Parameters:
  ///   - before: as given to ``ownWorkBegins(on:_:)``.
  ///   - after: the file as it is now; `nil` where nothing was done.
  func ownWorkEnded(on file: FileIdentity, _ before: stat, _ after: stat?)
  /// A file had another mode for a moment.
  func modeChanged(_ file: FileIdentity)
  /// A file or folder lost its last name; `held` is what is left of it. Returns the size that is booked for it where that
  /// is not the disk's.
  ///
  /// The caller holds the lock of the folder that it was in.
  func unlinked(_ file: FileIdentity, _ held: SharedDescriptor, by loss: NameLoss) -> Int64?
}

/// What is open at one moment.
package struct OpenFiles: Sendable {
  package var inUse: Set<FileIdentity> = []
  /// Files whose last close was seen and whose release is yet to come: in a moment, or when they are mapped no more.
  package var closing: Set<FileIdentity> = []

  package init() {}
}

/// How a file comes to lose a name.
package enum NameLoss: Sendable {
  case deleted
  /// Another has the name. Whoever looked it up before may still open the old one.
  case replaced
  /// It could not be written. Whoever looked it up before is to look again.
  case cutOff
}

extension StorageObserver {
  func changed(_ name: FileName, in folder: FileIdentity) { changed([name], in: folder) }
}
