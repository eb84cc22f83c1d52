public import Glibc
public import SystemPackage

// What a file system answers where it does not say otherwise. Each errno leaves
// later requests of the same kind alone; `ENOSYS` would end them for the whole
// mount, and stands only where the kernel then does the right thing by itself.

extension FileSystem {
  public func mounted(_ notifier: KernelNotifier) {}
  public func unmounted() {}
  public func forget(_ node: NodeID, count: UInt64) {}
}

// MARK: Nodes and names: a file system that cannot be changed says EPERM, as Linux does.

extension FileSystem {
  public func setAttributes(
    of node: NodeID, handle: HandleID?, to changes: AttributeChanges, _ caller: Caller
  ) throws(Errno) -> Attributes { throw .notPermitted }

  /// `EINVAL`: what `readlink` says of a node that is no symbolic link.
  public func readSymbolicLink(_ node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    throw .invalidArgument
  }

  public func makeNode(
    _ name: EntryName, in parent: NodeID, mode: mode_t, device: dev_t, _ caller: Caller
  ) throws(Errno) -> Entry { throw .notPermitted }

  public func makeDirectory(
    _ name: EntryName, in parent: NodeID, mode: mode_t, _ caller: Caller
  ) throws(Errno) -> Entry { throw .notPermitted }

  public func makeSymbolicLink(
    _ name: EntryName, in parent: NodeID, to target: [UInt8], _ caller: Caller
  ) throws(Errno) -> Entry { throw .notPermitted }

  public func link(
    _ node: NodeID, as name: EntryName, in parent: NodeID, _ caller: Caller
  ) throws(Errno) -> Entry { throw .notPermitted }

  public func unlink(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) {
    throw .notPermitted
  }

  public func removeDirectory(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) {
    throw .notPermitted
  }

  public func rename(
    _ name: EntryName, in parent: NodeID, to newName: EntryName, in newParent: NodeID,
    flags: UInt32, _ caller: Caller
  ) throws(Errno) { throw .notPermitted }
}

// MARK: Files: none can be opened, so nothing is read or written.

extension FileSystem {
  public func open(_ node: NodeID, flags: Int32, _ caller: Caller) throws(Errno) -> OpenedFile {
    throw .permissionDenied
  }

  public func create(
    _ name: EntryName, in parent: NodeID, mode: mode_t, flags: Int32, _ caller: Caller
  ) throws(Errno) -> (Entry, OpenedFile) { throw .notPermitted }

  public func read(
    _ node: NodeID, _ handle: HandleID, at offset: Int64,
    into buffer: UnsafeMutableRawBufferPointer, _ caller: Caller
  ) throws(Errno) -> Int { throw .badFileDescriptor }

  public func write(
    _ node: NodeID, _ handle: HandleID, at offset: Int64,
    from bytes: UnsafeRawBufferPointer, _ caller: Caller
  ) throws(Errno) -> Int { throw .badFileDescriptor }

  public func flush(_ node: NodeID, _ handle: HandleID, _ caller: Caller) throws(Errno) {}
  public func release(_ node: NodeID, _ handle: HandleID) {}

  /// `EINVAL`: what `fsync` says of a file that cannot be synchronised.
  public func synchronize(
    _ node: NodeID, _ handle: HandleID, dataOnly: Bool, _ caller: Caller
  ) throws(Errno) { throw .invalidArgument }

  public func allocate(
    _ node: NodeID, _ handle: HandleID, mode: Int32, offset: Int64, length: Int64, _ caller: Caller
  ) throws(Errno) { throw .notSupported }

  /// `ENOSYS`, on purpose: the kernel then takes each file for one run of data that ends at its size.
  public func seek(
    _ node: NodeID, _ handle: HandleID, offset: Int64, whence: Int32, _ caller: Caller
  ) throws(Errno) -> Int64 { throw .noFunction }

  /// `EOPNOTSUPP`: the kernel then copies through its page cache.
  public func copyRange(
    from source: NodeID, _ sourceHandle: HandleID, at sourceOffset: Int64,
    to target: NodeID, _ targetHandle: HandleID, at targetOffset: Int64,
    length: Int, flags: Int32, _ caller: Caller
  ) throws(Errno) -> Int { throw .notSupported }
}

// MARK: Folders: empty, and opened with no state.

extension FileSystem {
  public func openDirectory(_ node: NodeID, _ caller: Caller) throws(Errno) -> HandleID {
    HandleID(rawValue: 0)
  }

  public func readDirectory(
    _ node: NodeID, _ handle: HandleID, from offset: UInt64,
    into listing: inout DirectoryListing, _ caller: Caller
  ) throws(Errno) {}

  public func releaseDirectory(_ node: NodeID, _ handle: HandleID) {}

  public func synchronizeDirectory(
    _ node: NodeID, _ handle: HandleID, dataOnly: Bool, _ caller: Caller
  ) throws(Errno) { throw .invalidArgument }
}

// MARK: The whole, and extended attributes

extension FileSystem {
  /// No blocks, and names of up to 255 bytes.
  public func statistics(of node: NodeID, _ caller: Caller) throws(Errno) -> statvfs {
    var whole = statvfs()
    whole.f_bsize = 4096
    whole.f_frsize = 4096
    whole.f_namemax = 255
    return whole
  }

  public func extendedAttribute(
    _ name: EntryName, of node: NodeID, _ caller: Caller
  ) throws(Errno) -> [UInt8] { throw .notSupported }

  public func setExtendedAttribute(
    _ name: EntryName, of node: NodeID, to value: [UInt8], flags: Int32, _ caller: Caller
  ) throws(Errno) { throw .notSupported }

  public func extendedAttributeNames(of node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    throw .notSupported
  }

  public func removeExtendedAttribute(
    _ name: EntryName, of node: NodeID, _ caller: Caller
  ) throws(Errno) { throw .notSupported }
}
