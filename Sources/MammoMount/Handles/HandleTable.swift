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
    var inodes: [FileIdentity: OpenInode] = [:]
  }

  private let table = Mutex(Table())

  subscript(id: HandleID) -> Handle? { table.withLock { $0.handles[id] } }

  func insert(_ handle: Handle) -> HandleID {
    table.withLock { $0.insert(handle) }
  }

  @discardableResult
  func remove(_ id: HandleID) -> Handle? { table.withLock { $0.handles.removeValue(forKey: id) } }

  // MARK: Open files

  func inode(_ identity: FileIdentity) -> OpenInode? { table.withLock { $0.inodes[identity] } }

  var openInodes: [OpenInode] { table.withLock { Array($0.inodes.values) } }

  func isOpen(_ identity: FileIdentity) -> Bool {
    table.withLock { table in
      if let inode = table.inodes[identity], inode.isInUse { return true }
      return table.handles.values.contains { handle in
        if case .folder(let folder) = handle { folder.identity == identity } else { false }
      }
    }
  }

  /// Adds an open of a file; the first of a file makes what its opens share.
  ///
  /// The caller holds the file's lock, so that nobody else makes one meanwhile.
  ///
  /// - Parameter hasName: one that has none any more is found by its handles only; its identity may be another's soon.
  func insert(
    _ identity: FileIdentity, hasName: Bool, makeInode: () -> OpenInode, _ makeFile: (OpenInode) -> OpenFile
  ) -> (file: OpenFile, id: HandleID) {
    // Made outside the table's lock, because it asks the kernel for a backing id.
    let inode = (hasName ? inode(identity) : nil) ?? makeInode()
    return table.withLock { table in
      if hasName { table.inodes[identity] = inode }
      let file = makeFile(inode)
      let id = table.insert(.file(file))
      inode.booking.withLock { booking in
        booking.handles[id] = file
        if !hasName { booking.isUnlinked = true }
      }
      return (file, id)
    }
  }

  /// Removes an open of a file; returns the shared part where that was the last.
  func release(_ id: HandleID, _ file: OpenFile) -> OpenInode? {
    table.withLock { table in
      table.handles[id] = nil
      let isLast = file.inode.booking.withLock { booking in
        booking.handles[id] = nil
        return booking.handles.isEmpty
      }
      guard isLast else { return nil }
      if table.inodes[file.inode.identity] === file.inode { table.inodes[file.inode.identity] = nil }
      return file.inode
    }
  }

  /// A file lost its last name: its identity may soon be another's.
  func unlinked(_ identity: FileIdentity) -> OpenInode? {
    table.withLock { $0.inodes.removeValue(forKey: identity) }
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
