internal import CLinux
internal import FuseKit
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// A tree mounted `-o sync` or `-o dirsync`: a change is on disk when its call returns.
///
/// The kernel leaves that to the server. Each change is followed by writing out the storage root's file system, which is
/// slow, as that option is everywhere. An image still gets its name at its last close and not before.
struct SynchronousTree: FileSystem {
  let tree: MountTree
  /// Only names (`dirsync`), not what is in files.
  let isForNamesOnly: Bool

  private func settled<Result>(isName: Bool, _ change: () throws(Errno) -> Result) throws(Errno) -> Result {
    let result = try change()
    guard isName || !isForNamesOnly else { return result }
    guard lx_syncfs(tree.storage.root.descriptor) == 0 else { throw Errno(rawValue: errno) }
    return result
  }

  private func named<Result>(_ change: () throws(Errno) -> Result) throws(Errno) -> Result {
    try settled(isName: true, change)
  }

  private func written<Result>(_ change: () throws(Errno) -> Result) throws(Errno) -> Result {
    try settled(isName: false, change)
  }

  func mounted(_ notifier: KernelNotifier) { tree.mounted(notifier) }
  func unmounted() { tree.unmounted() }

  // MARK: What changes names

  func makeNode(
    _ name: EntryName, in parent: NodeID, mode: mode_t, device: dev_t, _ caller: Caller
  ) throws(Errno) -> Entry {
    try named { () throws(Errno) in try tree.makeNode(name, in: parent, mode: mode, device: device, caller) }
  }

  func makeDirectory(_ name: EntryName, in parent: NodeID, mode: mode_t, _ caller: Caller) throws(Errno) -> Entry {
    try named { () throws(Errno) in try tree.makeDirectory(name, in: parent, mode: mode, caller) }
  }

  func makeSymbolicLink(
    _ name: EntryName, in parent: NodeID, to target: [UInt8], _ caller: Caller
  ) throws(Errno) -> Entry {
    try named { () throws(Errno) in try tree.makeSymbolicLink(name, in: parent, to: target, caller) }
  }

  func link(_ node: NodeID, as name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) -> Entry {
    try named { () throws(Errno) in try tree.link(node, as: name, in: parent, caller) }
  }

  func unlink(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) {
    try named { () throws(Errno) in try tree.unlink(name, in: parent, caller) }
  }

  func removeDirectory(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) {
    try named { () throws(Errno) in try tree.removeDirectory(name, in: parent, caller) }
  }

  func rename(
    _ name: EntryName, in parent: NodeID, to newName: EntryName, in newParent: NodeID, flags: UInt32, _ caller: Caller
  ) throws(Errno) {
    try named { () throws(Errno) in
      try tree.rename(name, in: parent, to: newName, in: newParent, flags: flags, caller)
    }
  }

  func create(
    _ name: EntryName, in parent: NodeID, mode: mode_t, flags: Int32, _ caller: Caller
  ) throws(Errno) -> (Entry, OpenedFile) {
    try named { () throws(Errno) in try tree.create(name, in: parent, mode: mode, flags: flags, caller) }
  }

  /// Gives a new file its name.
  func flush(_ node: NodeID, _ handle: HandleID, _ caller: Caller) throws(Errno) {
    try named { () throws(Errno) in try tree.flush(node, handle, caller) }
  }

  /// Nobody waits for it.
  func release(_ node: NodeID, _ handle: HandleID) { tree.release(node, handle) }

  // MARK: What changes files

  func setAttributes(
    of node: NodeID, handle: HandleID?, to changes: AttributeChanges, _ caller: Caller
  ) throws(Errno) -> Attributes {
    try written { () throws(Errno) in try tree.setAttributes(of: node, handle: handle, to: changes, caller) }
  }

  func open(_ node: NodeID, flags: Int32, _ caller: Caller) throws(Errno) -> OpenedFile {
    guard flags & O_TRUNC != 0 else { return try tree.open(node, flags: flags, caller) }
    return try written { () throws(Errno) in try tree.open(node, flags: flags, caller) }
  }

  func write(
    _ node: NodeID, _ handle: HandleID, at offset: Int64, from bytes: UnsafeRawBufferPointer, _ caller: Caller
  ) throws(Errno) -> Int {
    try written { () throws(Errno) in try tree.write(node, handle, at: offset, from: bytes, caller) }
  }

  func allocate(
    _ node: NodeID, _ handle: HandleID, mode: Int32, offset: Int64, length: Int64, _ caller: Caller
  ) throws(Errno) {
    try written { () throws(Errno) in
      try tree.allocate(node, handle, mode: mode, offset: offset, length: length, caller)
    }
  }

  func copyRange(
    from source: NodeID, _ sourceHandle: HandleID, at sourceOffset: Int64,
    to target: NodeID, _ targetHandle: HandleID, at targetOffset: Int64,
    length: Int, flags: Int32, _ caller: Caller
  ) throws(Errno) -> Int {
    try written { () throws(Errno) in
      try tree.copyRange(
        from: source, sourceHandle, at: sourceOffset, to: target, targetHandle, at: targetOffset, length: length,
        flags: flags, caller)
    }
  }

  func setExtendedAttribute(
    _ name: EntryName, of node: NodeID, to value: [UInt8], flags: Int32, _ caller: Caller
  ) throws(Errno) {
    try written { () throws(Errno) in
      try tree.setExtendedAttribute(name, of: node, to: value, flags: flags, caller)
    }
  }

  func removeExtendedAttribute(_ name: EntryName, of node: NodeID, _ caller: Caller) throws(Errno) {
    try written { () throws(Errno) in try tree.removeExtendedAttribute(name, of: node, caller) }
  }
}

/// What changes nothing.
extension SynchronousTree {
  func lookup(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) -> Entry {
    try tree.lookup(name, in: parent, caller)
  }

  func forget(_ node: NodeID, count: UInt64) { tree.forget(node, count: count) }

  func attributes(of node: NodeID, handle: HandleID?, _ caller: Caller) throws(Errno) -> Attributes {
    try tree.attributes(of: node, handle: handle, caller)
  }

  func readSymbolicLink(_ node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    try tree.readSymbolicLink(node, caller)
  }

  func read(
    _ node: NodeID, _ handle: HandleID, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer, _ caller: Caller
  ) throws(Errno) -> Int {
    try tree.read(node, handle, at: offset, into: buffer, caller)
  }

  func synchronize(_ node: NodeID, _ handle: HandleID, dataOnly: Bool, _ caller: Caller) throws(Errno) {
    try tree.synchronize(node, handle, dataOnly: dataOnly, caller)
  }

  func seek(
    _ node: NodeID, _ handle: HandleID, offset: Int64, whence: Int32, _ caller: Caller
  ) throws(Errno) -> Int64 {
    try tree.seek(node, handle, offset: offset, whence: whence, caller)
  }

  func openDirectory(_ node: NodeID, _ caller: Caller) throws(Errno) -> HandleID {
    try tree.openDirectory(node, caller)
  }

  func readDirectory(
    _ node: NodeID, _ handle: HandleID, from offset: UInt64, into listing: inout DirectoryListing, _ caller: Caller
  ) throws(Errno) {
    try tree.readDirectory(node, handle, from: offset, into: &listing, caller)
  }

  func releaseDirectory(_ node: NodeID, _ handle: HandleID) { tree.releaseDirectory(node, handle) }

  func synchronizeDirectory(_ node: NodeID, _ handle: HandleID, dataOnly: Bool, _ caller: Caller) throws(Errno) {
    try tree.synchronizeDirectory(node, handle, dataOnly: dataOnly, caller)
  }

  func statistics(of node: NodeID, _ caller: Caller) throws(Errno) -> statvfs {
    try tree.statistics(of: node, caller)
  }

  func extendedAttribute(_ name: EntryName, of node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    try tree.extendedAttribute(name, of: node, caller)
  }

  func extendedAttributeNames(of node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    try tree.extendedAttributeNames(of: node, caller)
  }
}
