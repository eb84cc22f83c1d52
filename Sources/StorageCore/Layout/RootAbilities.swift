internal import CLinux
internal import Glibc
internal import SystemPackage

/// What the file system of a storage root can do, found out by trying at each mount.
///
/// The last answer is kept in `.mammofs/abilities.json`, for the next server of the same mount and for a root in which
/// nothing can be tried. Calls that a file system does not have are replaced one by one (``Sys/renameOntoFree(_:in:to:in:)``
/// and its neighbours); here is what has to be known before.
package struct RootAbilities: Codable, Equatable, Sendable {
  var version = 1
  /// By `statfs`.
  var type = ""
  /// `RENAME_NOREPLACE`; else files are linked and unlinked.
  package fileprivate(set) var renamesOntoFreeNames = true
  /// `RENAME_EXCHANGE`, and does what it says: some file systems take the flag and rename.
  package fileprivate(set) var exchangesNames = true
  /// A file can have two names.
  package fileprivate(set) var links = true
  /// What was never written of a file shows as a hole. Only then does a power cut leave traces of what it took; else data is
  /// synchronised when a file is closed.
  package fileprivate(set) var showsHoles = false
  /// `FIEMAP`; else blocks that are written again are synchronised.
  fileprivate(set) var mapsBlocks = false
  /// A part of a file can be made a hole; else every chunk keeps its bytes to itself.
  fileprivate(set) var punchesHoles = true
  /// `user.*`; else every close waits for the disk, and there are no digests.
  fileprivate(set) var attributes = true
  /// `fsync` of a folder; else the whole file system is synchronised.
  fileprivate(set) var synchronizesFolders = true

  private static let kept = KeptState<RootAbilities>(name: Layout.abilities)

  /// What is taken for true where nothing could be tried: with that, nothing is lost.
  init() {}

  /// What there is and what there is not, for the log.
  package var inWords: (present: String, absent: String) {
    let all = [
      ("RENAME_NOREPLACE", renamesOntoFreeNames), ("RENAME_EXCHANGE", exchangesNames), ("links", links),
      ("SEEK_HOLE", showsHoles), ("FIEMAP", mapsBlocks), ("FALLOC_FL_PUNCH_HOLE", punchesHoles),
      ("user.*", attributes), ("fsync of folders", synchronizesFolders),
    ]
    func names(_ isThere: Bool) -> String {
      let names = all.filter { $0.1 == isThere }.map(\.0)
      return names.isEmpty ? "none" : names.joined(separator: ", ")
    }
    return (names(true), names(false))
  }

  /// What was found out last; `nil` where nothing was, or it cannot be understood.
  init?(keptIn privateFolder: SharedDescriptor) {
    guard let kept = Self.kept.load(from: privateFolder), kept.version == 1,
      kept.type == Self.type(of: privateFolder)
    else { return nil }
    self = kept
  }

  /// Tries, in a folder that is gone afterwards, and keeps the answer.
  ///
  /// - Throws: where the file system lacks what nothing can take the place of. What else stands in the way, such as a full
  ///   disk, is none of that.
  init(probing privateFolder: SharedDescriptor, of path: String) throws(StorageError) {
    let before = RootAbilities(keptIn: privateFolder)
    var lack: String?
    do throws(Errno) {
      var found = RootAbilities()
      found.type = Self.type(of: privateFolder)
      let probe = try AbilityProbe(in: privateFolder)
      defer { probe.tidy() }
      lack = try probe.lack()
      if lack == nil { try probe.run(&found) }
      self = found
    } catch {
      self = before ?? RootAbilities()
      return
    }
    if let lack { throw .unfit(path, lack) }
    // Without it the next server tries by itself.
    if self != before { try? Self.kept.save(self, in: privateFolder) }
  }

  private static func type(of folder: SharedDescriptor) -> String {
    String(UInt64(bitPattern: lx_filesystem_type(folder.raw)), radix: 16)
  }
}

/// The trying.
private struct AbilityProbe {
  private let parent: SharedDescriptor
  private let folder: SharedDescriptor
  private static let name: FileName = "probe"
  private static let (first, second, third): (FileName, FileName, FileName) = ("first", "second", "third")
  /// What `first` is where case means nothing.
  private static let otherCase: FileName = "FIRST"
  /// Bytes; more than a block of any file system.
  private static let length: Int64 = 1 << 20

  init(in parent: SharedDescriptor) throws(Errno) {
    self.parent = parent
    _ = try Root.makeFolder(Self.name, in: parent.raw, owner: nil)
    folder = SharedDescriptor(try Sys.openFolder(Self.name, in: parent))
  }

  /// One that stays is used by the next.
  func tidy() {
    for name in [Self.first, Self.second, Self.third] { try? Sys.unlink(name, in: folder) }
    try? Sys.removeFolder(Self.name, in: parent)
  }

  private func make(_ name: FileName, _ content: String) throws(Errno) -> SharedDescriptor {
    // Not one that an earlier trial has linked.
    do throws(Errno) { try Sys.unlink(name, in: folder) } catch .noSuchFileOrDirectory {}
    let file = SharedDescriptor(
      try Sys.open(name, in: folder, O_RDWR | O_CREAT | O_EXCL, mode: mode_t(Layout.fileMode)))
    try Sys.writeAll(file, at: 0, Array(content.utf8))
    return file
  }

  private func content(_ name: FileName) throws(Errno) -> String {
    String(decoding: try Sys.readAll(try Sys.open(name, in: folder, O_RDONLY), limit: 64), as: UTF8.self)
  }

  /// Whether a call is there.
  private func has(_ call: () throws(Errno) -> Void) throws(Errno) -> Bool {
    do throws(Errno) {
      try call()
      return true
    } catch {
      guard error.isLackOfCall else { throw error }
      return false
    }
  }

  /// What no file system may lack; `nil` where it is all there.
  func lack() throws(Errno) -> String? {
    let file = try make(Self.first, "first")
    guard try has({ () throws(Errno) in try Sys.synchronizeData(file) }) else {
      return "it cannot bring a file onto the disk (fdatasync)"
    }
    guard (try? Sys.stat(Self.otherCase, in: folder)) == nil else {
      return "it takes names that differ by upper and lower case for one, so that an image could replace another"
    }
    _ = try make(Self.second, "second")
    try Sys.rename(Self.first, in: folder, to: Self.second, in: folder)
    guard try content(Self.second) == "first" else { return "it does not replace a file by rename" }
    return nil
  }

  func run(_ abilities: inout RootAbilities) throws(Errno) {
    let file = try make(Self.first, "first")
    _ = try make(Self.second, "second")
    try? Sys.unlink(Self.third, in: folder)
    abilities.renamesOntoFreeNames = renames(Self.first, Self.third, lx_RENAME_NOREPLACE)
    if abilities.renamesOntoFreeNames { try Sys.rename(Self.third, in: folder, to: Self.first, in: folder) }
    abilities.exchangesNames = renames(Self.first, Self.second, lx_RENAME_EXCHANGE)
    if abilities.exchangesNames {
      abilities.exchangesNames = (try? content(Self.second)) == "first" && (try? content(Self.first)) == "second"
    }
    do throws(Errno) {
      try Sys.link(file, to: Self.third, in: folder)
      abilities.links = try Sys.stat(file).st_nlink == 2
    } catch {
      guard error.isLackOfLinks else { throw error }
      abilities.links = false
    }
    abilities.attributes = try has { () throws(Errno) in
      try Sys.setExtendedAttribute(Layout.originAttribute, of: file, to: Array("1".utf8))
    }
    abilities.synchronizesFolders = try has { () throws(Errno) in try Sys.synchronize(folder) }
    abilities.mapsBlocks = lx_maps_blocks(file.raw) != 0
    try Sys.truncate(file, to: Self.length)
    try Sys.writeAll(file, at: Self.length - 4096, [UInt8](repeating: 1, count: 4096))
    // Neither may this be dense, nor may all of it be one hole.
    let middle = off_t(Self.length / 2)
    let (hole, data) = (lseek(file.raw, middle, lx_SEEK_HOLE), lseek(file.raw, middle, lx_SEEK_DATA))
    abilities.showsHoles = hole == middle && data > middle && data <= off_t(Self.length - 4096)
    abilities.punchesHoles = try has { () throws(Errno) in
      try Sys.allocate(file, mode: lx_FALLOC_FL_PUNCH_HOLE | lx_FALLOC_FL_KEEP_SIZE, offset: 0, length: 65536)
    }
  }

  /// Without what takes the flag's place.
  private func renames(_ name: FileName, _ newName: FileName, _ flag: UInt32) -> Bool {
    name.withCString { old in
      newName.withCString { new in lx_renameat2(folder.raw, old, folder.raw, new, flag) == 0 }
    }
  }
}
