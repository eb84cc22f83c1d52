internal import FuseKit
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// The files that are made at each reading: `.stats` and `.errors`.
extension MountTree {
  /// A virtual file's content as of now.
  func virtualContent(_ record: Node) throws -> [UInt8] {
    switch record.place {
    case .rootErrors: return storage.refusals.text
    case .rootStats:
      bookAll()
      return Array(try storage.getStorageStats().json.utf8)
    case .userStats:
      bookAll()
      guard let user = nodes[record.parent]?.name else { throw Errno.noSuchFileOrDirectory }
      return Array(try storage.stats(ofFolder: user).json.utf8)
    case .sessionStats:
      return Array(try session(of: record.parent).json.utf8)
    case .root, .area, .user, .year, .month, .image, .work, .temp, .uploads, .session, .chunk, .sessionWork, .marker,
      .workspace, .workspaceEntry:
      throw Errno.invalidArgument
    }
  }

  func virtualEntry(_ name: FileName, in folder: Folder, _ place: Place) throws -> Entry {
    let record = Node(place: place, parent: folder.id, name: name, identity: Self.identity(of: place, in: folder.node))
    let attributes = try virtualAttributes(record)
    return Entry(
      node: nodes.reference(record), attributes: attributes, timeout: policy.entryTimeout(in: folder.node.place))
  }

  /// Opens `.errors`.
  func openRefusals(_ node: NodeID, _ caller: Caller) -> OpenedFile {
    var record = HandleRecord(.snapshot, node: node, request: caller.request, descriptor: -1)
    record.opener = caller.process
    let reader = RefusalReader(storage.refusals)
    return OpenedFile(
      handle: handles.insert(.refusals(reader, user: caller.process), record), service: .direct, skipsFlush: false)
  }

  /// Bytes of `.errors` for a caller. The kernel does not say by which descriptor it is asked; whoever has it open is told
  /// of what he reads there, since he may wait for it to grow.
  private func refusalsSize(_ caller: Caller?) -> Int {
    // One of another PID namespace has no number.
    guard let caller, caller.process != 0, let reader = handles.refusals(usedBy: caller.process) else {
      return storage.refusals.size
    }
    return Int(reader.size)
  }

  func virtualAttributes(_ record: Node, _ caller: Caller? = nil) throws -> Attributes {
    let size = record.place == .rootErrors ? refusalsSize(caller) : try virtualContent(record).count
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    // As whoever owns the folder: who may enter it may read what is told of it.
    var stat = try self.stat(of: record.parent)
    stat.st_mode = S_IFREG | 0o444
    stat.st_nlink = 1
    stat.st_ino = ino_t(record.identity.inode)
    stat.st_size = off_t(size)
    stat.st_blocks = blkcnt_t((size + 511) / 512)
    stat.st_mtim = now
    stat.st_ctim = now
    stat.st_atim = now
    return Attributes(stat: stat, timeout: policy.attributeTimeout(of: record.place))
  }

  /// Files that are not on disk have identities on devices that do not exist.
  static func identity(of place: Place, in folder: Node) -> FileIdentity {
    let kind: UInt64 =
      switch place {
      case .rootStats: 1
      case .rootErrors: 2
      case .userStats: 3
      case .sessionStats: 4
      case .marker: 5
      case .root, .area, .user, .year, .month, .image, .work, .temp, .uploads, .session, .chunk, .sessionWork,
        .workspace, .workspaceEntry:
        0
      }
    return FileIdentity(device: .max - kind, inode: folder.identity.inode | kind << 60)
  }
}
