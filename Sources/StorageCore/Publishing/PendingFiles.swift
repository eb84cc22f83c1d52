internal import Synchronization
package import SystemPackage

/// Files that exist in the mount but not yet under their name in the storage root.
///
/// Keyed by the folder's identity, so that a rename of any folder on the way
/// changes nothing here.
package final class PendingFiles: Sendable {
  package struct Key: Hashable, Sendable {
    package let folder: FileIdentity
    package let name: FileName

    package init(folder: FileIdentity, name: FileName) {
      self.folder = folder
      self.name = name
    }
  }

  private struct Table {
    var staged: [Key: FileName] = [:]
    /// How many of a folder's files are here, so that most lookups end at once.
    var perFolder: [FileIdentity: Int] = [:]
    /// Those of which a write failed, by their staged names, which no other file ever gets.
    var failures: [FileName: Errno] = [:]
    /// Those that somebody has synchronised, by their staged names.
    var synchronized: Set<FileName> = []
    /// What a file replaces once it is whole: both by their staged names.
    var displaced: [FileName: FileName] = [:]
  }

  private let table = Mutex(Table())

  package init() {}

  /// The staged name of a file, if it is pending.
  package func staged(_ name: FileName, in folder: FileIdentity) -> FileName? {
    table.withLock { $0.perFolder[folder] == nil ? nil : $0.staged[Key(folder: folder, name: name)] }
  }

  /// Whether a staged file is pending, under whichever name. Goes through all.
  package func has(_ staged: FileName) -> Bool { table.withLock { $0.staged.values.contains(staged) } }

  package func add(_ name: FileName, in folder: FileIdentity, staged: FileName) {
    table.withLock { table in
      if table.staged.updateValue(staged, forKey: Key(folder: folder, name: name)) == nil {
        table.perFolder[folder, default: 0] += 1
      }
    }
  }

  /// Takes a file off the table; returns its staged name.
  @discardableResult
  package func remove(_ name: FileName, in folder: FileIdentity) -> FileName? {
    table.withLock { table in
      guard let staged = table.staged.removeValue(forKey: Key(folder: folder, name: name)) else { return nil }
      if let count = table.perFolder[folder] { table.perFolder[folder] = count > 1 ? count - 1 : nil }
      table.synchronized.remove(staged)
      return staged
    }
  }

  /// A write to a file failed: it is not whole, and is not to be published.
  ///
  /// - Parameter file: what is called `staged`; a later server sees by it that it is not whole.
  package func fail(
    _ staged: FileName, _ file: borrowing some DescriptorReference & ~Copyable, _ failure: Errno
  ) {
    table.withLock { $0.failures[staged] = failure }
    // Where a full disk has no room for it, this server knows it all the same.
    let raw = file.raw
    try? Sys.asOwner(of: raw) { () throws(Errno) in
      try Sys.setExtendedAttribute(Layout.failureAttribute, of: raw, to: Array("\(failure.rawValue)".utf8))
    }
  }

  /// A file was found whose last server may have noted a failure on it.
  package func recall(_ staged: FileName, _ failure: Errno?) { table.withLock { $0.failures[staged] = failure } }

  /// It is empty, or has a place where what is not whole may be.
  package func forgetFailure(_ staged: FileName, _ file: borrowing some DescriptorReference & ~Copyable) {
    guard table.withLock({ $0.failures.removeValue(forKey: staged) }) != nil else { return }
    try? Sys.removeExtendedAttribute(Layout.failureAttribute, of: file)
  }

  /// What an earlier server noted on a file.
  package static func failure(notedOn file: borrowing some DescriptorReference & ~Copyable) -> Errno? {
    guard let text = try? Sys.extendedAttribute(Layout.failureAttribute, of: file) else { return nil }
    return Errno(rawValue: CInt(String(decoding: text, as: UTF8.self)) ?? Errno.ioError.rawValue)
  }

  package func failure(_ staged: FileName) -> Errno? { table.withLock { $0.failures[staged] } }

  /// Somebody was told that a file is on disk.
  package func noteSynchronized(_ staged: FileName) { _ = table.withLock { $0.synchronized.insert(staged) } }

  package func isSynchronized(_ staged: FileName) -> Bool { table.withLock { $0.synchronized.contains(staged) } }

  /// A file waits in the place of another, which is kept until the new one is whole.
  ///
  /// - Parameter displaced: the staged name of the other; `nil` changes nothing.
  package func keep(_ displaced: FileName?, for staged: FileName) {
    if let displaced { table.withLock { $0.displaced[staged] = displaced } }
  }

  /// What a file was to replace, which is then the caller's to keep or remove.
  package func takeDisplaced(by staged: FileName) -> FileName? {
    table.withLock { $0.displaced.isEmpty ? nil : $0.displaced.removeValue(forKey: staged) }
  }

  package func replacesAnother(_ staged: FileName) -> Bool { table.withLock { $0.displaced[staged] != nil } }

  /// What is pending in a folder.
  package func all(in folder: FileIdentity) -> [(name: FileName, staged: FileName)] {
    table.withLock { table in
      guard table.perFolder[folder] != nil else { return [] }
      return table.staged.filter { $0.key.folder == folder }.map { ($0.key.name, $0.value) }
    }
  }

  package func isEmpty(_ folder: FileIdentity) -> Bool { table.withLock { $0.perFolder[folder] == nil } }

  package var everything: [(key: Key, staged: FileName)] {
    table.withLock { $0.staged.map { ($0.key, $0.value) } }
  }
}
