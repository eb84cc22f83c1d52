public import Glibc
public import SystemPackage

/// The number by which the kernel names an inode. 1 is the root.
public struct NodeID: Hashable, Sendable, RawRepresentable {
  /// The kernel's number.
  public let rawValue: UInt64
  /// The node that the kernel knows by `rawValue`.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// The folder that is mounted. It is there from the start and is never forgotten.
  public static let root = NodeID(rawValue: 1)
}

/// The number by which the kernel names an open file or folder.
public struct HandleID: Hashable, Sendable, RawRepresentable {
  /// The kernel's number.
  public let rawValue: UInt64
  /// The handle that the kernel knows by `rawValue`.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A file system, as libfuse's low-level API sees one.
///
/// Each requirement is one request of the kernel. It returns what the reply
/// needs or throws the errno that the caller of the system call gets; it never
/// replies by itself, so a request is answered exactly once. Requests arrive on
/// several threads at once; see <doc:FuseKit> for the rules.
///
/// Every requirement but ``lookup(_:in:_:)`` and ``attributes(of:handle:_:)``
/// has a default. It refuses with an errno that leaves later requests of the same
/// kind alone; `ENOSYS`, which switches them off for the whole life of the mount,
/// only where the kernel then does the right thing by itself.
public protocol FileSystem: Sendable {
  /// The connection is up; nothing has been asked yet.
  func mounted(_ notifier: KernelNotifier)
  /// The connection is gone; no request follows.
  func unmounted()

  // MARK: Nodes

  /// Finds `name` in the folder `parent` and counts one reference on the node returned.
  func lookup(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) -> Entry
  /// Takes back `count` references that ``lookup(_:in:_:)`` and the operations that create gave.
  func forget(_ node: NodeID, count: UInt64)
  /// The corresponding C function is `stat`, or `fstat` where `handle` is there.
  func attributes(of node: NodeID, handle: HandleID?, _ caller: Caller) throws(Errno) -> Attributes
  /// The corresponding C functions are `chmod`, `chown`, `truncate` and `utimensat`.
  func setAttributes(
    of node: NodeID, handle: HandleID?, to changes: AttributeChanges, _ caller: Caller
  ) throws(Errno) -> Attributes
  /// The corresponding C function is `readlink`.
  func readSymbolicLink(_ node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8]

  // MARK: Names

  /// The corresponding C function is `mknod`.
  func makeNode(
    _ name: EntryName, in parent: NodeID, mode: mode_t, device: dev_t, _ caller: Caller
  ) throws(Errno) -> Entry
  /// The corresponding C function is `mkdir`.
  func makeDirectory(
    _ name: EntryName, in parent: NodeID, mode: mode_t, _ caller: Caller
  ) throws(Errno) -> Entry
  /// The corresponding C function is `symlink`.
  func makeSymbolicLink(
    _ name: EntryName, in parent: NodeID, to target: [UInt8], _ caller: Caller
  ) throws(Errno) -> Entry
  /// The corresponding C function is `link`.
  func link(
    _ node: NodeID, as name: EntryName, in parent: NodeID, _ caller: Caller
  ) throws(Errno) -> Entry
  /// The corresponding C function is `unlink`.
  func unlink(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno)
  /// The corresponding C function is `rmdir`.
  func removeDirectory(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno)
  /// The corresponding C function is `renameat2`; `flags` are its `RENAME_` flags.
  func rename(
    _ name: EntryName, in parent: NodeID, to newName: EntryName, in newParent: NodeID,
    flags: UInt32, _ caller: Caller
  ) throws(Errno)

  // MARK: Files

  /// The corresponding C function is `open` without `O_CREAT`; `flags` are its flags.
  func open(_ node: NodeID, flags: Int32, _ caller: Caller) throws(Errno) -> OpenedFile
  /// The corresponding C function is `open` with `O_CREAT`.
  func create(
    _ name: EntryName, in parent: NodeID, mode: mode_t, flags: Int32, _ caller: Caller
  ) throws(Errno) -> (Entry, OpenedFile)
  /// Fills `buffer` from `offset` (bytes) on and returns how many bytes there were; fewer only at the end.
  func read(
    _ node: NodeID, _ handle: HandleID, at offset: Int64,
    into buffer: UnsafeMutableRawBufferPointer, _ caller: Caller
  ) throws(Errno) -> Int
  /// Returns how many bytes of `bytes` were written at `offset`.
  func write(
    _ node: NodeID, _ handle: HandleID, at offset: Int64,
    from bytes: UnsafeRawBufferPointer, _ caller: Caller
  ) throws(Errno) -> Int
  /// One descriptor of the open file was closed. Comes once per `close`, so several times with `dup`.
  func flush(_ node: NodeID, _ handle: HandleID, _ caller: Caller) throws(Errno)
  /// The last descriptor is closed. Nobody waits for it and nobody sees an error.
  func release(_ node: NodeID, _ handle: HandleID)
  /// The corresponding C functions are `fsync` and, with `dataOnly`, `fdatasync`.
  func synchronize(
    _ node: NodeID, _ handle: HandleID, dataOnly: Bool, _ caller: Caller
  ) throws(Errno)
  /// The corresponding C function is `fallocate`.
  func allocate(
    _ node: NodeID, _ handle: HandleID, mode: Int32, offset: Int64, length: Int64, _ caller: Caller
  ) throws(Errno)
  /// The corresponding C function is `lseek` with `SEEK_DATA` or `SEEK_HOLE`.
  func seek(
    _ node: NodeID, _ handle: HandleID, offset: Int64, whence: Int32, _ caller: Caller
  ) throws(Errno) -> Int64
  /// The corresponding C function is `copy_file_range`.
  func copyRange(
    from source: NodeID, _ sourceHandle: HandleID, at sourceOffset: Int64,
    to target: NodeID, _ targetHandle: HandleID, at targetOffset: Int64,
    length: Int, flags: Int32, _ caller: Caller
  ) throws(Errno) -> Int

  // MARK: Folders

  /// The corresponding C function is `opendir`.
  func openDirectory(_ node: NodeID, _ caller: Caller) throws(Errno) -> HandleID
  /// Adds entries to `listing`, from `offset` on, until it is full or there are no more.
  /// `offset` is 0 or the `next` of an entry returned before.
  func readDirectory(
    _ node: NodeID, _ handle: HandleID, from offset: UInt64,
    into listing: inout DirectoryListing, _ caller: Caller
  ) throws(Errno)
  /// The corresponding C function is `closedir`.
  func releaseDirectory(_ node: NodeID, _ handle: HandleID)
  /// The corresponding C function is `fsync` on a folder.
  func synchronizeDirectory(
    _ node: NodeID, _ handle: HandleID, dataOnly: Bool, _ caller: Caller
  ) throws(Errno)

  // MARK: The whole, and extended attributes

  /// The corresponding C function is `statvfs`.
  func statistics(of node: NodeID, _ caller: Caller) throws(Errno) -> statvfs
  /// The corresponding C function is `lgetxattr`.
  func extendedAttribute(
    _ name: EntryName, of node: NodeID, _ caller: Caller
  ) throws(Errno) -> [UInt8]
  /// The corresponding C function is `lsetxattr`; `flags` are `XATTR_CREATE` and `XATTR_REPLACE`.
  func setExtendedAttribute(
    _ name: EntryName, of node: NodeID, to value: [UInt8], flags: Int32, _ caller: Caller
  ) throws(Errno)
  /// The names, each closed by a zero byte. The corresponding C function is `llistxattr`.
  func extendedAttributeNames(of node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8]
  /// The corresponding C function is `lremovexattr`.
  func removeExtendedAttribute(
    _ name: EntryName, of node: NodeID, _ caller: Caller
  ) throws(Errno)
}
