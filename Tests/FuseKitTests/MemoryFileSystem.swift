import FuseKit
import Glibc
import Synchronization
import SystemPackage

/// A file system that lives in memory: folders, files, symbolic links, and one extended attribute per name.
///
/// `before` is called in the handlers of lookup and create with the name, with no lock held; it may block. `closed` is
/// called by each release, and `afterwards` is what each reply to a listing with attributes leaves to be done.
final class MemoryFileSystem: FileSystem {
  struct Node {
    var stat: stat
    var bytes: [UInt8] = []
    var children: [[UInt8]: UInt64] = [:]
    var attributes: [[UInt8]: [UInt8]] = [:]
    var references: UInt64 = 0
  }

  struct Tree {
    var nodes: [UInt64: Node] = [:]
    var next: UInt64 = 2
    var opened = 0
    var notifier: KernelNotifier?
    var hasEnded = false

    mutating func add(_ name: [UInt8], in parent: UInt64, mode: mode_t, bytes: [UInt8] = []) throws(Errno) -> UInt64 {
      guard nodes[parent] != nil else { throw .noSuchFileOrDirectory }
      guard nodes[parent]?.children[name] == nil else { throw .fileExists }
      let inode = next
      next += 1
      var stat = stat()
      stat.st_ino = ino_t(inode)
      stat.st_mode = mode
      stat.st_nlink = 1
      stat.st_size = off_t(bytes.count)
      nodes[inode] = Node(stat: stat, bytes: bytes)
      nodes[parent]?.children[name] = inode
      return inode
    }

    func child(_ name: [UInt8], of parent: UInt64) throws(Errno) -> UInt64 {
      guard let inode = nodes[parent]?.children[name] else { throw .noSuchFileOrDirectory }
      return inode
    }

    func attributes(_ inode: UInt64, timeout: Double) throws(Errno) -> Attributes {
      guard let node = nodes[inode] else { throw .noSuchFileOrDirectory }
      return Attributes(stat: node.stat, timeout: timeout)
    }

    /// Counts a reference.
    mutating func entry(_ inode: UInt64, timeout: Double) throws(Errno) -> Entry {
      let attributes = try attributes(inode, timeout: timeout)
      nodes[inode]?.references += 1
      return Entry(node: NodeID(rawValue: inode), attributes: attributes, timeout: timeout)
    }
  }

  let tree: Mutex<Tree>
  let timeout: Double
  let before: @Sendable (String) -> Void
  let closed: @Sendable () -> Void
  let afterwards: (@Sendable () -> Bool)?

  init(
    timeout: Double = 1, before: @escaping @Sendable (String) -> Void = { _ in },
    closed: @escaping @Sendable () -> Void = {}, afterwards: (@Sendable () -> Bool)? = nil
  ) {
    self.timeout = timeout
    self.before = before
    self.closed = closed
    self.afterwards = afterwards
    var root = stat()
    root.st_ino = 1
    root.st_mode = S_IFDIR | 0o755
    root.st_nlink = 2
    tree = Mutex(Tree(nodes: [1: Node(stat: root, references: 1)]))
  }

  private func change<Result>(_ body: (inout Tree) throws(Errno) -> Result) throws(Errno) -> Result {
    try tree.withLock { tree throws(Errno) in try body(&tree) }
  }

  private func key(_ name: EntryName) -> [UInt8] { [UInt8](name.bytes) }
  private func text(_ name: EntryName) -> String { String(decoding: name.bytes, as: UTF8.self) }

  func mounted(_ notifier: KernelNotifier) { tree.withLock { $0.notifier = notifier } }
  func unmounted() { tree.withLock { $0.hasEnded = true } }

  // MARK: Nodes

  func lookup(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) -> Entry {
    before(text(name))
    return try change { tree throws(Errno) in
      guard let inode = tree.nodes[parent.rawValue]?.children[key(name)] else { return .none(timeout: timeout) }
      return try tree.entry(inode, timeout: timeout)
    }
  }

  func forget(_ node: NodeID, count: UInt64) {
    tree.withLock { $0.nodes[node.rawValue]?.references -= count }
  }

  func attributes(of node: NodeID, handle: HandleID?, _ caller: Caller) throws(Errno) -> Attributes {
    try change { tree throws(Errno) in try tree.attributes(node.rawValue, timeout: timeout) }
  }

  func setAttributes(
    of node: NodeID, handle: HandleID?, to changes: AttributeChanges, _ caller: Caller
  ) throws(Errno) -> Attributes {
    try change { tree throws(Errno) in
      if let mode = changes.mode { tree.nodes[node.rawValue]?.stat.st_mode = mode }
      if let size = changes.size {
        let bytes = tree.nodes[node.rawValue]?.bytes ?? []
        let kept = bytes.prefix(Int(size))
        tree.nodes[node.rawValue]?.bytes = kept + [UInt8](repeating: 0, count: Int(size) - kept.count)
        tree.nodes[node.rawValue]?.stat.st_size = off_t(size)
      }
      if case .at(let time) = changes.modified { tree.nodes[node.rawValue]?.stat.st_mtim = time }
      return try tree.attributes(node.rawValue, timeout: timeout)
    }
  }

  func readSymbolicLink(_ node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    try change { tree throws(Errno) in tree.nodes[node.rawValue]?.bytes ?? [] }
  }

  // MARK: Names

  func makeDirectory(_ name: EntryName, in parent: NodeID, mode: mode_t, _ caller: Caller) throws(Errno) -> Entry {
    try make(name, in: parent, mode: S_IFDIR | mode)
  }

  func makeSymbolicLink(
    _ name: EntryName, in parent: NodeID, to target: [UInt8], _ caller: Caller
  ) throws(Errno) -> Entry {
    try make(name, in: parent, mode: S_IFLNK | 0o777, bytes: target)
  }

  private func make(
    _ name: EntryName, in parent: NodeID, mode: mode_t, bytes: [UInt8] = []
  ) throws(Errno) -> Entry {
    try change { tree throws(Errno) in
      let inode = try tree.add(key(name), in: parent.rawValue, mode: mode, bytes: bytes)
      return try tree.entry(inode, timeout: timeout)
    }
  }

  func unlink(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) {
    try change { tree throws(Errno) in
      _ = try tree.child(key(name), of: parent.rawValue)
      tree.nodes[parent.rawValue]?.children[key(name)] = nil
    }
  }

  func removeDirectory(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) {
    try change { tree throws(Errno) in
      let inode = try tree.child(key(name), of: parent.rawValue)
      guard tree.nodes[inode]?.children.isEmpty ?? true else { throw .directoryNotEmpty }
      tree.nodes[parent.rawValue]?.children[key(name)] = nil
    }
  }

  func rename(
    _ name: EntryName, in parent: NodeID, to newName: EntryName, in newParent: NodeID,
    flags: UInt32, _ caller: Caller
  ) throws(Errno) {
    guard flags == 0 else { throw .invalidArgument }
    try change { tree throws(Errno) in
      let inode = try tree.child(key(name), of: parent.rawValue)
      tree.nodes[parent.rawValue]?.children[key(name)] = nil
      tree.nodes[newParent.rawValue]?.children[key(newName)] = inode
    }
  }

  // MARK: Files

  func open(_ node: NodeID, flags: Int32, _ caller: Caller) throws(Errno) -> OpenedFile {
    try change { tree throws(Errno) in
      tree.opened += 1
      if flags & O_TRUNC != 0 {
        tree.nodes[node.rawValue]?.bytes = []
        tree.nodes[node.rawValue]?.stat.st_size = 0
      }
      return OpenedFile(handle: HandleID(rawValue: 7), service: .cached, skipsFlush: flags & O_ACCMODE == O_RDONLY)
    }
  }

  func create(
    _ name: EntryName, in parent: NodeID, mode: mode_t, flags: Int32, _ caller: Caller
  ) throws(Errno) -> (Entry, OpenedFile) {
    before(text(name))
    let entry = try make(name, in: parent, mode: S_IFREG | mode)
    tree.withLock { $0.opened += 1 }
    return (entry, OpenedFile(handle: HandleID(rawValue: 7), service: .cached))
  }

  func read(
    _ node: NodeID, _ handle: HandleID, at offset: Int64,
    into buffer: UnsafeMutableRawBufferPointer, _ caller: Caller
  ) throws(Errno) -> Int {
    try change { tree throws(Errno) in
      guard let bytes = tree.nodes[node.rawValue]?.bytes, offset < bytes.count else { return 0 }
      let part = bytes[Int(offset)..<min(bytes.count, Int(offset) + buffer.count)]
      buffer.copyBytes(from: part)
      return part.count
    }
  }

  func write(
    _ node: NodeID, _ handle: HandleID, at offset: Int64,
    from bytes: UnsafeRawBufferPointer, _ caller: Caller
  ) throws(Errno) -> Int {
    try change { tree throws(Errno) in
      let end = Int(offset) + bytes.count
      guard var old = tree.nodes[node.rawValue]?.bytes else { throw .noSuchFileOrDirectory }
      tree.nodes[node.rawValue]?.bytes = []
      if old.count < end { old.append(contentsOf: repeatElement(0, count: end - old.count)) }
      old.withUnsafeMutableBytes { $0[Int(offset)..<end].copyBytes(from: bytes) }
      tree.nodes[node.rawValue]?.stat.st_size = off_t(old.count)
      tree.nodes[node.rawValue]?.bytes = old
      return bytes.count
    }
  }

  func release(_ node: NodeID, _ handle: HandleID) {
    tree.withLock { $0.opened -= 1 }
    closed()
  }

  // MARK: Folders and extended attributes

  func readDirectory(
    _ node: NodeID, _ handle: HandleID, from offset: UInt64,
    into listing: inout DirectoryListing, _ caller: Caller
  ) throws(Errno) {
    let children = tree.withLock { $0.nodes[node.rawValue]?.children.sorted { $0.value < $1.value } ?? [] }
    if listing.wantsAttributes { listing.afterwards = afterwards }
    // Offsets are node numbers, so that they outlive the removal of other names.
    for (name, inode) in children where inode > offset {
      guard listing.hasRoom(forNameOf: name.count) else { return }
      if listing.wantsAttributes {
        let entry = try change { tree throws(Errno) in try tree.entry(inode, timeout: timeout) }
        _ = listing.add(name: name + [0], entry: entry, next: inode)
      } else {
        _ = listing.add(name: name + [0], inode: inode, type: 0, next: inode)
      }
    }
  }

  func extendedAttribute(_ name: EntryName, of node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    try change { tree throws(Errno) in
      guard let value = tree.nodes[node.rawValue]?.attributes[key(name)] else { throw Errno(rawValue: ENODATA) }
      return value
    }
  }

  func setExtendedAttribute(
    _ name: EntryName, of node: NodeID, to value: [UInt8], flags: Int32, _ caller: Caller
  ) throws(Errno) {
    tree.withLock { $0.nodes[node.rawValue]?.attributes[key(name)] = value }
  }

  func extendedAttributeNames(of node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    tree.withLock { tree in
      tree.nodes[node.rawValue]?.attributes.keys.flatMap { $0 + [0] } ?? []
    }
  }
}
