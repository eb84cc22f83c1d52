import FoundationEssentials
import Glibc
import Logging
import StorageCore
import SystemPackage

@testable import FuseKit
@testable import MammoMount

/// A tree that no kernel serves, over a storage root of its own: requests are made by calling it.
///
/// It asks in the order in which a kernel asks, and refuses what a kernel refuses by itself, as far as the tree relies on
/// that: a name is looked up before anything is done with it.
final class TreeClient {
  let tree: MountTree
  let storage: Storage
  /// The folder in which the storage root is.
  private let outside: String
  private var requests: UInt64 = 0

  var root: String { "\(outside)/root" }

  init() throws {
    var template = Array("/tmp/mammofs-tree-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    outside = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    storage = try Storage(path: "\(outside)/root")
    try storage.initialize(as: "a test")
    storage.waitUntilCounted()
    tree = try MountTree(
      storage: storage, state: SharedState(), descriptorLimit: 256,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  deinit {
    try? storage.close()
    try? FileManager.default.removeItem(atPath: outside)
  }

  /// Who asks next. Process 1 has nothing of this open, so that each close is the last.
  func caller() -> Caller {
    requests += 2
    return Caller(
      user: 0, group: 0, process: 1, request: RequestNumber(rawValue: requests), worker: 0)
  }

  static func name(_ text: some StringProtocol) -> EntryName { EntryName(nulTerminated: Array(text.utf8) + [0]) }

  // MARK: Paths

  /// What a path leads to, looked up name by name.
  func find(_ path: String) throws(Errno) -> (node: NodeID, stat: stat) {
    var found = (node: NodeID.root, stat: try tree.attributes(of: .root, handle: nil, caller()).stat)
    for name in path.split(separator: "/") {
      let entry = try tree.lookup(Self.name(name), in: found.node, caller())
      guard let node = entry.node else { throw .noSuchFileOrDirectory }
      found = (node, entry.attributes.stat)
    }
    return found
  }

  /// The folder in which a path's last name is, and that name.
  func parent(of path: String) throws(Errno) -> (node: NodeID, name: EntryName) {
    let names = path.split(separator: "/")
    let folder = try find(names.dropLast().joined(separator: "/"))
    guard folder.stat.st_mode & S_IFMT == S_IFDIR else { throw .notDirectory }
    return (folder.node, Self.name(names.last ?? ""))
  }

  func exists(_ path: String) -> Bool { (try? find(path)) != nil }

  /// In the storage root.
  func isStored(_ path: String) -> Bool { access("\(root)/\(path)", F_OK) == 0 }

  /// Runs `body` in the folder of a path whose name must be free, as for a kernel's `mkdir`.
  private func making<Result>(
    _ path: String, _ body: (NodeID, EntryName) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    let (folder, name) = try parent(of: path)
    guard !exists(path) else { throw .fileExists }
    return try body(folder, name)
  }

  // MARK: Names

  func makeFolder(_ path: String) throws(Errno) {
    _ = try making(path) { folder, name throws(Errno) in
      try tree.makeDirectory(name, in: folder, mode: 0o755, caller())
    }
  }

  /// As `mkdir -p`.
  func makeFolders(_ path: String) throws(Errno) {
    var made = ""
    for name in path.split(separator: "/") {
      made += made.isEmpty ? "\(name)" : "/\(name)"
      if !exists(made) { try makeFolder(made) }
    }
  }

  func makeLink(_ path: String, to target: String) throws(Errno) {
    _ = try making(path) { folder, name throws(Errno) in
      try tree.makeSymbolicLink(name, in: folder, to: Array(target.utf8), caller())
    }
  }

  func makeNode(_ path: String, _ kind: mode_t) throws(Errno) {
    _ = try making(path) { folder, name throws(Errno) in
      try tree.makeNode(name, in: folder, mode: kind | 0o644, device: 0, caller())
    }
  }

  func link(_ path: String, as other: String) throws(Errno) {
    let file = try find(path)
    guard file.stat.st_mode & S_IFMT != S_IFDIR else { throw .notPermitted }
    _ = try making(other) { folder, name throws(Errno) in
      try tree.link(file.node, as: name, in: folder, caller())
    }
  }

  func unlink(_ path: String) throws(Errno) {
    let found = try find(path)
    guard found.stat.st_mode & S_IFMT != S_IFDIR else { throw .isDirectory }
    let (folder, name) = try parent(of: path)
    try tree.unlink(name, in: folder, caller())
  }

  func removeFolder(_ path: String) throws(Errno) {
    let found = try find(path)
    guard found.stat.st_mode & S_IFMT == S_IFDIR else { throw .notDirectory }
    let (folder, name) = try parent(of: path)
    try tree.removeDirectory(name, in: folder, caller())
  }

  func rename(_ path: String, to other: String, flags: UInt32 = 0) throws(Errno) {
    let source = try find(path)
    let (folder, name) = try parent(of: path)
    let (newFolder, newName) = try parent(of: other)
    if let target = try? find(other), flags & 2 == 0 {
      if flags & 1 != 0 { throw .fileExists }
      let isFolder = source.stat.st_mode & S_IFMT == S_IFDIR
      let replacesFolder = target.stat.st_mode & S_IFMT == S_IFDIR
      if replacesFolder, !isFolder { throw .isDirectory }
      if isFolder, !replacesFolder { throw .notDirectory }
    }
    try tree.rename(name, in: folder, to: newName, in: newFolder, flags: flags, caller())
  }

  // MARK: Files

  /// A file that is open.
  struct Open {
    let node: NodeID
    let handle: HandleID
  }

  func open(_ path: String, _ flags: Int32) throws(Errno) -> Open {
    if flags & O_CREAT != 0, !exists(path) {
      let (folder, name) = try parent(of: path)
      let (entry, opened) = try tree.create(name, in: folder, mode: 0o644, flags: flags, caller())
      guard let node = entry.node else { throw .noSuchFileOrDirectory }
      return Open(node: node, handle: opened.handle)
    }
    if flags & O_EXCL != 0 { throw .fileExists }
    let found = try find(path)
    guard found.stat.st_mode & S_IFMT == S_IFREG else { throw .isDirectory }
    return Open(node: found.node, handle: try tree.open(found.node, flags: flags, caller()).handle)
  }

  func write(_ bytes: [UInt8], to file: Open, at offset: Int64 = 0) throws(Errno) {
    var failure: Errno?
    bytes.withUnsafeBytes { bytes in
      do throws(Errno) {
        _ = try tree.write(file.node, file.handle, at: offset, from: bytes, caller())
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  func read(_ file: Open, at offset: Int64 = 0, count: Int = 1 << 16) throws(Errno) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
    defer { buffer.deallocate() }
    let read = try tree.read(file.node, file.handle, at: offset, into: buffer, caller())
    return Array(buffer[..<read])
  }

  func synchronize(_ file: Open) throws(Errno) {
    try tree.synchronize(file.node, file.handle, dataOnly: false, caller())
  }

  /// What `close` returns; the file is released in any case.
  func close(_ file: Open) throws(Errno) {
    defer { tree.release(file.node, file.handle) }
    try tree.flush(file.node, file.handle, caller())
  }

  func put(_ path: String, _ text: String) throws(Errno) {
    let file = try open(path, O_CREAT | O_WRONLY)
    do throws(Errno) {
      try write(Array(text.utf8), to: file)
    } catch {
      try? close(file)
      throw error
    }
    try close(file)
  }

  func get(_ path: String) throws(Errno) -> String {
    let file = try open(path, O_RDONLY)
    let bytes: [UInt8]
    do throws(Errno) {
      bytes = try read(file)
    } catch {
      try? close(file)
      throw error
    }
    try close(file)
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: Attributes

  func change(_ path: String, _ changes: AttributeChanges) throws(Errno) {
    _ = try tree.setAttributes(of: try find(path).node, handle: nil, to: changes, caller())
  }

  /// The names in a folder, without `.` and `..`.
  func list(_ path: String) throws(Errno) -> [String] {
    let folder = try find(path)
    guard folder.stat.st_mode & S_IFMT == S_IFDIR else { throw .notDirectory }
    let handle = try tree.openDirectory(folder.node, caller())
    defer { tree.releaseDirectory(folder.node, handle) }
    var names: [String] = []
    var offset: UInt64 = 0
    while true {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
      defer { buffer.deallocate() }
      var listing = DirectoryListing(request: nil, buffer: buffer, wantsAttributes: false)
      try tree.readDirectory(folder.node, handle, from: offset, into: &listing, caller())
      let filled = listing.filled
      guard !filled.isEmpty else { return names.filter { $0 != "." && $0 != ".." }.sorted() }
      // `struct fuse_dirent { u64 ino, off; u32 namelen, type; char name[] }`
      var start = 0
      while start + 24 <= filled.count {
        offset = filled.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)
        let length = Int(filled.loadUnaligned(fromByteOffset: start + 16, as: UInt32.self))
        names.append(String(decoding: filled[(start + 24)..<(start + 24 + length)], as: UTF8.self))
        start += (24 + length + 7) & ~7
      }
    }
  }
}
