package import Glibc
internal import Synchronization
package import SystemPackage

/// Who a new file or folder belongs to.
public struct Owner: Hashable, Sendable {
  public let user: UInt32
  public let group: UInt32

  public init(user: UInt32, group: UInt32) {
    self.user = user
    self.group = group
  }

  /// Whoever this process runs as.
  public static var ofThisProcess: Owner { Owner(user: geteuid(), group: getegid()) }
}

/// The storage root, held open: every path starts from this descriptor.
package final class Root: Sendable {
  private let shared: SharedDescriptor
  private let kept = Mutex(StoreSettings())

  /// What the store was asked to be, once that was read.
  package internal(set) var settings: StoreSettings {
    get { kept.withLock { $0 } }
    set { kept.withLock { $0 = newValue } }
  }

  package var descriptor: CInt { shared.raw }

  package init(_ descriptor: consuming Descriptor) { shared = SharedDescriptor(descriptor) }

  /// Opens a folder of the tree; no name on the way may be a symbolic link.
  package func openFolder(_ names: [FileName]) throws(Errno) -> Descriptor {
    // So many names are no longer than the kernel takes.
    let reach = 15
    guard names.count <= reach else {
      var folder = try openFolder(Array(names.prefix(reach)))
      for name in names.dropFirst(reach) { folder = try Sys.openFolder(name, in: folder) }
      return folder
    }
    guard !names.isEmpty else { return try Sys.reopen(descriptor, O_RDONLY | O_DIRECTORY) }
    let path = Array(names.map(\.bytes).joined(separator: [UInt8(ascii: "/")]))
    return try Sys.openFolder(FileName(bytes: path), in: descriptor)
  }

  /// Opens a file of the private folder of a storage root that is given by its path, and was not taken into use.
  package static func openOwn(
    _ name: FileName, ofRoot path: String, _ flags: CInt = O_RDONLY, mode: mode_t = 0
  ) throws(Errno) -> Descriptor {
    try Sys.openOwn(name, in: try privateFolder(ofRoot: path), flags, mode: mode)
  }

  /// The private folder of a storage root that is given by its path.
  package static func privateFolder(ofRoot path: String) throws(Errno) -> Descriptor {
    try Sys.openFolder(Layout.privateFolder, in: try Sys.openBeneathNothing(path))
  }

  /// Opens a folder of the tree and makes what is missing on the way, for `owner`.
  package func makeFolders(
    _ names: [FileName], owner: Owner?, made: (Int) -> Void = { _ in }
  ) throws(Errno) -> Descriptor {
    var folder = try Sys.reopen(descriptor, O_RDONLY | O_DIRECTORY)
    let mode = names.starts(with: Layout.workspacePath) ? Layout.folderMode : settings.folderMode
    for (depth, name) in names.enumerated() {
      if try Self.makeFolder(name, in: folder.raw, owner: owner, mode: mode) { made(depth) }
      folder = try Sys.openFolder(name, in: folder)
    }
    return folder
  }

  /// Makes one folder; false where it is there already.
  static func makeFolder(
    _ name: FileName, in parent: CInt, owner: Owner?, mode: UInt32 = Layout.folderMode
  ) throws(Errno) -> Bool {
    do throws(Errno) {
      try Sys.makeFolder(name, in: parent, mode: mode_t(mode))
    } catch .fileExists {
      return false
    }
    do throws(Errno) {
      if let owner { try own(name, in: parent, owner) }
      try complete(mode, of: name, in: parent)
    } catch {
      try Sys.removeFolder(name, in: parent)
      throw error
    }
    return true
  }

  /// Gives a new folder the bits of its mode that mkdir(2) leaves out; one that it has from the folder above stays.
  package static func complete(_ mode: UInt32, of name: FileName, in parent: CInt) throws(Errno) {
    guard mode != Layout.folderMode else { return }
    let folder = try Sys.openFolder(name, in: parent)
    let there = try Sys.stat(folder).st_mode & 0o7777
    let wanted = mode_t(mode) | (there & S_ISGID)
    if there != wanted { try Sys.chmod(folder, wanted) }
  }

  /// Gives a new name to its owner; a set-group-ID folder hands down its group.
  static func own(_ name: FileName, in parent: CInt, _ owner: Owner) throws(Errno) {
    let group = try inheritedGroup(of: parent) ?? owner.group
    if owner.user == geteuid(), group == getegid() { return }
    try Sys.chown(name, in: parent, owner.user, group)
  }

  package static func inheritedGroup(of folder: CInt) throws(Errno) -> gid_t? {
    let stat = try Sys.stat(folder)
    return stat.st_mode & S_ISGID != 0 ? stat.st_gid : nil
  }
}
