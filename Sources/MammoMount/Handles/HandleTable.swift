internal import FuseKit
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// What the kernel's handle numbers mean.
final class HandleTable: Sendable {
  enum Handle: Sendable {
    case file(OpenFile)
    case folder(OpenFolder)
    /// A virtual file as it was when it was opened.
    case snapshot([UInt8])
    case marker(MarkerDraft)
  }

  fileprivate struct Table {
    var next: UInt64 = 1
    var handles: [HandleID: Handle] = [:]
    /// Files that are open, with a name or without.
    var inodes: [NodeID: OpenInode] = [:]
    /// Those that have a name.
    var named: [FileIdentity: OpenInode] = [:]
  }

  private let table = Mutex(Table())

  subscript(id: HandleID) -> Handle? { table.withLock { $0.handles[id] } }

  func insert(_ handle: Handle) -> HandleID {
    table.withLock { $0.insert(handle) }
  }

  @discardableResult
  func remove(_ id: HandleID) -> Handle? { table.withLock { $0.handles.removeValue(forKey: id) } }

  // MARK: Open files

  /// What the opens of a node share, if there are any.
  func inode(of node: NodeID) -> OpenInode? { table.withLock { $0.inodes[node] } }

  /// As ``inode(of:)``, of a file that has a name.
  func inode(_ identity: FileIdentity) -> OpenInode? { table.withLock { $0.named[identity] } }

  var openInodes: [OpenInode] { table.withLock { Array($0.inodes.values) } }

  func isOpen(_ identity: FileIdentity) -> Bool {
    let (inode, isListed) = table.withLock { table in
      let isListed = table.handles.values.contains { handle in
        if case .folder(let folder) = handle { folder.identity == identity } else { false }
      }
      return (table.named[identity], isListed)
    }
    return isListed || inode?.isInUse ?? false
  }

  /// Adds an open of a file; the first of a file makes what its opens share.
  ///
  /// The caller holds the file's lock, so that nobody else makes one meanwhile.
  ///
  /// - Parameter hasName: one that has none any more is found by its node only; its identity may be another's soon.
  func insert(
    _ node: NodeID, _ identity: FileIdentity, hasName: Bool, makeInode: () -> OpenInode,
    _ makeFile: (OpenInode) -> OpenFile
  ) -> (file: OpenFile, id: HandleID) {
    // Made outside the table's lock, because it asks the kernel for a backing id.
    let inode = inode(of: node) ?? makeInode()
    let file = makeFile(inode)
    let id = table.withLock { table in
      table.inodes[node] = inode
      if hasName { table.named[identity] = inode }
      return table.insert(.file(file))
    }
    inode.booking.withLock { booking in
      booking.handles[id] = file
      if !hasName { booking.isUnlinked = true }
    }
    return (file, id)
  }

  /// Removes an open of a file; returns the shared part where that was the last. The caller holds the file's lock.
  func release(_ id: HandleID, _ file: OpenFile) -> OpenInode? {
    let inode = file.inode
    let isLast = inode.booking.withLock { booking in
      booking.handles[id] = nil
      return booking.handles.isEmpty
    }
    return table.withLock { table in
      table.handles[id] = nil
      guard isLast else { return nil }
      table.inodes[inode.node] = nil
      if table.named[inode.identity] === inode { table.named[inode.identity] = nil }
      return inode
    }
  }

  /// A file lost its last name: its identity may soon be another's.
  func unlinked(_ identity: FileIdentity) -> OpenInode? {
    table.withLock { $0.named.removeValue(forKey: identity) }
  }
}

extension HandleTable.Table {
  fileprivate mutating func insert(_ handle: HandleTable.Handle) -> HandleID {
    let id = HandleID(rawValue: next)
    next += 1
    handles[id] = handle
    return id
  }
}
