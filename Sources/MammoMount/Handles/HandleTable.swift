internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// What the kernel's handle numbers mean.
///
/// Each handle has a record that outlives the server (``HandleRecord``), from which the next one makes it again.
final class HandleTable: Sendable {
  enum Handle: Sendable {
    case file(OpenFile)
    case folder(OpenFolder)
    /// A virtual file as it was when it was opened.
    case snapshot([UInt8])
    /// `.errors`, by the thread that opened or read it last; 0 where it was closed since.
    case refusals(RefusalReader, user: pid_t)
    case marker(MarkerDraft)
  }

  fileprivate struct Entry {
    let handle: Handle
    let slot: Int
  }

  fileprivate struct Table {
    let state: SharedState
    /// Slots of records that are free again, and how many were ever used.
    var free: [Int] = []
    var used: Int
    var handles: [HandleID: Entry] = [:]
    /// Files that are open, with a name or without.
    var inodes: [NodeID: OpenInode] = [:]
    /// Those that have a name.
    var named: [FileIdentity: OpenInode] = [:]
    /// What closing those says that could not be made again.
    var lost: [HandleID: Errno] = [:]
  }

  private let table: Mutex<Table>
  private let records: HandleRecords

  init(_ state: SharedState) {
    let records = state.handles
    let free = records.slots.filter { records[$0].id == 0 }
    self.records = records
    table = Mutex(Table(state: state, free: free, used: records.slots.count))
  }

  subscript(id: HandleID) -> Handle? { table.withLock { $0.handles[id]?.handle } }

  func insert(_ handle: Handle, _ record: HandleRecord) -> HandleID {
    table.withLock { table in
      let slot = table.takeSlot()
      return table.insert(handle, record, in: slot)
    }
  }

  @discardableResult
  func remove(_ id: HandleID) -> Handle? {
    // Whoever still has the draft is not to write into a record that may be another's soon.
    if case .marker(let draft)? = self[id] { draft.record.withLock { $0 = nil } }
    return table.withLock { $0.remove(id) }
  }

  /// Makes a handle of an earlier server again, with its number.
  func adopt(_ handle: Handle, _ id: HandleID, in slot: Int) {
    table.withLock { $0.handles[id] = Entry(handle: handle, slot: slot) }
  }

  /// The handle that a request had opened before the server that it was sent to ended.
  func opened(by request: RequestNumber) -> (id: HandleID, handle: Handle)? {
    guard request.isResent else { return nil }
    return table.withLock { table in
      for (id, entry) in table.handles where records[entry.slot].request == request.original.rawValue {
        return (id, entry.handle)
      }
      return nil
    }
  }

  /// What closing a handle says that could not be made again.
  func failure(ofLost id: HandleID) -> Errno? { table.withLock { $0.lost[id] } }

  func slot(of id: HandleID) -> HandleRecords.Slot? { table.withLock { $0.handles[id]?.slot }.map(slot) }

  /// The record of a handle of an earlier server.
  func slot(_ index: Int) -> HandleRecords.Slot { HandleRecords.Slot(records: records, index: index) }

  /// A handle of an earlier server could not be made again.
  ///
  /// - Parameter failure: what closing it says; `nil` where there was nothing left to be done.
  func drop(_ slot: Int, failure: Errno?) {
    table.withLock { table in
      if let failure { table.lost[HandleID(rawValue: records[slot].id)] = failure }
      table.state.handles.end(slot)
      table.free.append(slot)
    }
  }

  /// A thread reads `.errors` by a handle, or has closed it (0): its release may be long on the way.
  func uses(_ id: HandleID, by thread: pid_t) {
    table.withLock { table in
      guard let entry = table.handles[id], case .refusals(let reader, let before) = entry.handle, before != thread
      else {
        return
      }
      table.handles[id] = Entry(handle: .refusals(reader, user: thread), slot: entry.slot)
    }
  }

  /// The reader of `.errors` that a thread uses, the youngest of several.
  func refusals(usedBy thread: pid_t) -> RefusalReader? {
    table.withLock { table in
      var found: (id: HandleID, reader: RefusalReader)?
      for (id, entry) in table.handles {
        guard case .refusals(let reader, thread) = entry.handle, id.rawValue >= found?.id.rawValue ?? 0 else {
          continue
        }
        found = (id, reader)
      }
      return found?.reader
    }
  }

  // MARK: Open files

  /// What the opens of a node share, if there are any.
  func inode(of node: NodeID) -> OpenInode? { table.withLock { $0.inodes[node] } }

  /// As ``inode(of:)``, of a file that has a name.
  func inode(_ identity: FileIdentity) -> OpenInode? { table.withLock { $0.named[identity] } }

  var openInodes: [OpenInode] { table.withLock { Array($0.inodes.values) } }

  func isOpen(_ identity: FileIdentity) -> Bool {
    let (inode, isListed) = table.withLock { table in
      let isListed = table.handles.values.contains { entry in
        if case .folder(let folder) = entry.handle { folder.identity == identity } else { false }
      }
      return (table.named[identity], isListed)
    }
    return isListed || inode?.isInUse ?? false
  }

  /// As ``isOpen(_:)``, of all at once, but for markers.
  var openFiles: OpenFiles {
    var open = OpenFiles()
    let (folders, inodes) = table.withLock { table in
      let folders = table.handles.values.compactMap { entry in
        if case .folder(let folder) = entry.handle { folder.identity } else { nil }
      }
      return (folders, table.named)
    }
    open.inUse = Set(folders)
    for (identity, inode) in inodes {
      if inode.isInUse { open.inUse.insert(identity) } else { open.closing.insert(identity) }
    }
    return open
  }

  /// Whether somebody writes a session's marker. That a descriptor of it was closed says little: a shell closes a
  /// duplicate before it writes.
  func isMarkerOpen(in session: FileName) -> Bool {
    let drafts = table.withLock { table in
      table.handles.values.compactMap { entry in
        if case .marker(let draft) = entry.handle, draft.session.name == session { draft } else { nil }
      }
    }
    return drafts.contains { $0.state.withLock { !$0.isDead } }
  }

  /// Adds an open of a file; the first of a file makes what its opens share.
  ///
  /// The caller holds the file's lock, so that nobody else makes one meanwhile.
  ///
  /// - Parameter hasName: one that has none any more is found by its node only; its identity may be another's soon.
  func insert(
    _ record: HandleRecord, _ identity: FileIdentity, hasName: Bool, makeInode: () -> OpenInode,
    _ makeFile: (OpenInode, HandleRecords.Slot) -> OpenFile
  ) -> (file: OpenFile, id: HandleID) {
    let node = NodeID(rawValue: record.node)
    // Made outside the table's lock, because it asks the kernel for a backing id.
    let inode = inode(of: node) ?? makeInode()
    let slot = table.withLock { $0.takeSlot() }
    let file = makeFile(inode, HandleRecords.Slot(records: records, index: slot))
    var record = record
    record.backing = inode.backing ?? 0
    (record.failure, record.isSynchronized) = inode.booking.withLock { ($0.failure?.rawValue ?? 0, $0.isSynchronized) }
    let id = table.withLock { table in
      table.inodes[node] = inode
      if hasName { table.named[identity] = inode }
      return table.insert(.file(file), record, in: slot)
    }
    enter(file, id, hasName: hasName)
    return (file, id)
  }

  /// As ``insert(_:_:hasName:makeInode:_:)``, of an open of an earlier server.
  func adopt(_ file: OpenFile, _ id: HandleID, hasName: Bool) {
    let inode = file.inode
    table.withLock { table in
      table.inodes[inode.node] = inode
      if hasName { table.named[inode.identity] = inode }
      table.handles[id] = Entry(handle: .file(file), slot: file.record.index)
    }
    enter(file, id, hasName: hasName)
  }

  private func enter(_ file: OpenFile, _ id: HandleID, hasName: Bool) {
    file.inode.booking.withLock { booking in
      booking.handles[id] = file
      // It may have failed since the record was written.
      if let failure = booking.failure { file.record.note(failure: failure) }
      if !hasName { booking.isUnlinked = true }
    }
  }

  /// Removes an open of a file; returns the shared part where that was the last. The caller holds the file's lock.
  func release(_ id: HandleID, _ file: OpenFile) -> OpenInode? {
    let inode = file.inode
    let isLast = inode.booking.withLock { booking in
      booking.handles[id] = nil
      return booking.handles.isEmpty
    }
    return table.withLock { table in
      table.remove(id)
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
  fileprivate mutating func takeSlot() -> Int {
    if let slot = free.popLast() { return slot }
    // None of them is free: those that are taken and have no handle yet come before it, too.
    defer { used += 1 }
    return used
  }

  fileprivate mutating func insert(_ handle: HandleTable.Handle, _ record: HandleRecord, in slot: Int) -> HandleID {
    let id = HandleID(rawValue: state.takeHandleNumber())
    state.handles.begin(record, in: slot, as: id)
    handles[id] = HandleTable.Entry(handle: handle, slot: slot)
    return id
  }

  @discardableResult
  fileprivate mutating func remove(_ id: HandleID) -> HandleTable.Handle? {
    guard let entry = handles.removeValue(forKey: id) else { return nil }
    state.handles.end(entry.slot)
    free.append(entry.slot)
    return entry.handle
  }
}
