internal import CLinux
package import Glibc
internal import Synchronization
package import SystemPackage

/// Where files are that are not whole yet, and the one place that knows how a
/// whole one gets its final name without a power cut ever showing it torn.
///
/// A new file is created here under a number and the path it is meant for
/// (``StagedName``). It is published in one of two ways:
///
/// - **Durably** (`fsync`, a completed upload): the data is synchronised, the
///   file renamed, its folder synchronised. Whoever waits for that knows it is kept.
/// - **At close**, where the file system can show what a power cut took
///   (``RootAbilities``): the file is *linked* to its final name and its staged name
///   stays for a moment as a record «published, perhaps not on disk». The
///   ``Settler`` synchronises the data and then removes the record. After a power
///   cut, ``Recovery`` looks at what is still on record: a file that is not whole
///   loses its final name and is found in the workspace.
///
/// So `close` costs no wait for the disk, and nothing torn stays under a final name.
package final class Staging: Sendable {
  package let folder: SharedDescriptor
  private let settler: Settler
  private let counter: Atomic<UInt64>
  /// Nothing survives a power cut there anyway, and nothing is torn.
  private let isVolatile: Bool
  private let ownWork: OwnWork
  private let abilities: RootAbilities

  init(
    folder: SharedDescriptor, firstNumber: UInt64, sizes: LockStripes, refusals: RefusalLog, ownWork: OwnWork,
    abilities: RootAbilities
  ) {
    self.ownWork = ownWork
    isVolatile = lx_filesystem_type(folder.raw) == lx_TMPFS_MAGIC
    self.abilities = abilities
    self.folder = folder
    settler = Settler(folder: folder, sizes: sizes, refusals: refusals, ownWork: ownWork)
    counter = Atomic(firstNumber)
  }

  /// Creates an empty staged file.
  ///
  /// - Parameter origin: where it is to go.
  package func create(
    origin: Origin, flags: CInt, mode: mode_t
  ) throws(Errno) -> StagedFile {
    let staged = StagedName(number: nextNumber(), origin: origin.path, folder: origin.folder)
    let name = staged.fileName
    let descriptor = try Sys.open(name, in: folder, flags | O_CREAT | O_EXCL, mode: mode)
    if staged.origin == nil { Self.setOrigin(origin, of: descriptor.raw) }
    return StagedFile(descriptor: SharedDescriptor(descriptor), name: name)
  }

  /// A name that no staged file has, for a file whose origin is set apart.
  package func nextName() -> FileName { StagedName(number: nextNumber()).fileName }

  /// As ``nextName()``, for a file that had its name and is being replaced.
  /// It says where the file was, where there is room for that.
  func nextDisplacedName(_ origin: Origin) -> FileName {
    let number = nextNumber()
    let told = StagedName(number: number, origin: origin.path, folder: origin.folder).fileName
    let name = FileName(bytes: Array(Self.displacedPrefix.utf8) + told.bytes)
    return name.count <= NameRules.longest ? name : FileName("\(Self.displacedPrefix)\(number)")
  }

  /// A displaced file's name as that of a staged file.
  static func nameOfDisplaced(_ name: FileName) -> FileName {
    name.hasPrefix(displacedPrefix) ? FileName(bytes: Array(name.bytes.dropFirst(displacedPrefix.utf8.count))) : name
  }

  static let displacedPrefix = "displaced-"

  private func nextNumber() -> UInt64 { counter.wrappingAdd(1, ordering: .relaxed).newValue }

  /// Gives a staged file its final name; it is whole as far as its writers are concerned.
  ///
  /// - Parameters:
  ///   - descriptor: the file, open for reading or writing.
  ///   - origin: its final place, for the record.
  ///   - flags: of `renameat2`; without `RENAME_NOREPLACE` an existing file is replaced.
  ///   - durably: the file is on disk before it has the name. The caller synchronises the folder, holding no lock.
  package func publish(
    _ staged: FileName, _ descriptor: CInt, origin: Origin, as name: FileName, in target: CInt,
    flags: UInt32 = Staging.noReplace, durably: Bool = false
  ) throws(Errno) {
    let stat = try Sys.stat(descriptor)
    try ownWork.on(stat, descriptor) { () throws(Errno) in
      try publish(staged, descriptor, stat, origin: origin, as: name, in: target, flags: flags, durably: durably)
    }
  }

  private func publish(
    _ staged: FileName, _ descriptor: CInt, _ stat: stat, origin: Origin, as name: FileName, in target: CInt,
    flags: UInt32, durably: Bool
  ) throws(Errno) {
    if !durably, !isVolatile, flags == lx_RENAME_NOREPLACE, stat.st_nlink == 1, abilities.links,
      abilities.showsHoles, isDense(descriptor, stat)
    {
      try Sys.settleBlocks(descriptor, at: 0, length: Int64(stat.st_size))
      if Self.record(origin.published(Int64(stat.st_size)).text(of: staged), on: descriptor) {
        var isLinked = true
        do throws(Errno) {
          try Sys.link(staged, in: folder.raw, to: name, in: target)
        } catch {
          // It is not published, and is not to be taken for a file that was.
          Self.setOrigin(origin, of: descriptor)
          guard error.isLackOfLinks else { throw error }
          isLinked = false
        }
        if isLinked { return settler.add(staged, FileIdentity(stat)) }
      }
    }
    if !isVolatile { try Sys.synchronizeData(descriptor) }
    Self.removeOrigin(of: descriptor)
    try Sys.rename(staged, in: folder, to: name, in: target, flags: flags)
  }

  /// As ``publish(_:_:origin:as:in:flags:durably:)`` for a chunk whose bytes are in its session's data file: what of
  /// them is lost in a power cut shows there.
  package func publishPlaced(
    _ staged: FileName, _ descriptor: CInt, as name: FileName, in target: CInt
  ) throws(Errno) {
    try ownWork.on(try Sys.stat(descriptor), descriptor) { () throws(Errno) in
      try Sys.rename(staged, in: folder, to: name, in: target, flags: Self.noReplace)
      Self.removeOrigin(of: descriptor)
    }
  }

  /// Takes the record of a published file away, because the file is durable, or gone from its final name.
  ///
  /// The caller holds the file's lock.
  package func forget(_ file: FileIdentity, _ descriptor: CInt? = nil) throws(Errno) {
    guard let staged = settler.take(file) else { return }
    guard let descriptor else { return try Sys.unlink(staged, in: folder) }
    try ownWork.on(try Sys.stat(descriptor), descriptor) { () throws(Errno) in
      try Sys.unlink(staged, in: folder)
      // Not before: a record without it is none of a published file.
      Self.removeOrigin(of: descriptor)
    }
  }

  /// A published file is on record from before: its record goes once it is on disk.
  func settle(_ staged: FileName, _ file: FileIdentity) { settler.add(staged, file) }

  /// Whether a published file still has its record, and so a second name.
  package func isOnRecord(_ file: FileIdentity) -> Bool { settler.has(file) }

  /// Removes a staged file that nobody wants any more.
  package func discard(_ staged: FileName) throws(Errno) {
    try Sys.unlink(staged, in: folder)
  }

  /// Waits until all that was published is on disk, and ends the thread that sees to it.
  func close() { settler.close() }

  /// A file without holes: after a power cut, a hole in it shows that data is missing.
  private func isDense(_ descriptor: CInt, _ stat: stat) -> Bool {
    stat.st_size == 0 || lseek(descriptor, 0, lx_SEEK_HOLE) == stat.st_size
  }

  /// `RENAME_NOREPLACE`
  package static let noReplace = lx_RENAME_NOREPLACE

  // MARK: The origin, on record

  /// Where a staged file is to go, if that is not where it was to go when it was made. Whatever the file's mode says: what
  /// it had there before would be taken for its origin.
  package static func setOrigin(_ origin: Origin, of descriptor: CInt) {
    do throws(Errno) {
      try Sys.asOwner(of: descriptor) { () throws(Errno) in
        try Sys.setExtendedAttribute(Layout.originAttribute, of: descriptor, to: Array(origin.text.utf8))
      }
    } catch {
      // Without extended attributes, or without room for one, a cut-off file is still found, under its number. What was
      // there before says something else, perhaps that it was published and can go.
      removeOrigin(of: descriptor)
    }
  }

  /// The same at a close, where whoever cannot have a record is synchronised.
  private static func record(_ text: String, on descriptor: CInt) -> Bool {
    (try? Sys.setExtendedAttribute(Layout.originAttribute, of: descriptor, to: Array(text.utf8))) != nil
  }

  /// What a staged file's name and its attribute say.
  static func origin(of descriptor: borrowing some DescriptorReference & ~Copyable, named name: FileName) -> Origin {
    let text = try? Sys.extendedAttribute(Layout.originAttribute, of: descriptor)
    return Origin(parsing: text.map { String(decoding: $0, as: UTF8.self) }, of: name)
  }

  /// Where a displaced file was: as its name says, since an attribute may be left of a name before that.
  static func origin(ofDisplaced descriptor: borrowing some DescriptorReference & ~Copyable, named name: FileName)
    -> Origin
  {
    let staged = nameOfDisplaced(name)
    if let told = StagedName(parsing: staged), let path = told.origin {
      return Origin(path: path, folder: told.folder)
    }
    return origin(of: descriptor, named: staged)
  }

  /// Whether a staged file's record says that it was to have its final name, or had it: at a close.
  package static func wasPublished(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, named name: FileName
  ) -> Bool { origin(of: descriptor, named: name).size != nil }

  package static func removeOrigin(of descriptor: borrowing some DescriptorReference & ~Copyable) {
    // Absent where the file system has no extended attributes. It means nothing but on a staged file, which gets its own:
    // an ordinary user's file of mode 0444 keeps it.
    try? Sys.removeExtendedAttribute(Layout.originAttribute, of: descriptor)
  }
}

/// A new file that is not whole yet.
package struct StagedFile: Sendable {
  package let descriptor: SharedDescriptor
  /// Its number in the staging folder.
  package let name: FileName
}
