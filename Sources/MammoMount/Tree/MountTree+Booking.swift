internal import FuseKit
internal import Glibc
package import StorageCore
internal import Synchronization
internal import SystemPackage

/// Keeping the ledger true while files grow, move and go.
///
/// The kernel may write to a file without the server seeing it, so sizes are
/// learnt from the file itself: when one is closed or synchronised, and for all
/// open ones when somebody asks for figures.
extension MountTree {
  /// What files of a place in a folder are counted under.
  func account(of place: Place, in parent: NodeID) -> Account {
    // Month, year, user: images are nowhere else.
    guard case .image = place, let month = nodes[parent], let year = nodes[month.parent] else {
      return Account(of: place, user: nil)
    }
    return Account(of: place, user: nodes[year.parent]?.name)
  }

  /// Books what an open file has grown or shrunk by. Returns its size in bytes.
  @discardableResult
  func book(_ inode: OpenInode) throws(Errno) -> Int64 {
    try storage.gate.changing { () throws(Errno) in
      try storage.sizes.holding(inode.identity) { () throws(Errno) in try bookHeld(inode) }
    }
  }

  /// As ``book(_:)``, by a caller that is within the gate and holds the file's lock.
  @discardableResult
  func bookHeld(_ inode: OpenInode) throws(Errno) -> Int64 {
    try inode.booking.withLock { booking throws(Errno) in try self.book(&booking, inode) }
  }

  private func book(_ booking: inout OpenInode.Booking, _ inode: OpenInode) throws(Errno) -> Int64 {
    guard let descriptor = booking.handles.values.first?.descriptor else { return booking.size }
    let stat = try Sys.stat(descriptor)
    let (size, modified) = (Int64(stat.st_size), Clock.nanoseconds(stat.st_mtim))
    if modified != booking.modified { (booking.modified, booking.hasNews) = (modified, true) }
    defer { booking.size = size }
    guard !booking.isUnlinked, size != booking.size, let node = nodes[inode.node] else { return size }
    storage.namespace.grew(
      inode.identity, node.name, in: nodes[node.parent]?.identity, by: size - booking.size,
      account(of: node.place, in: node.parent))
    return size
  }

  /// Books a change of a file that is not open.
  func bookGrowth(_ bytes: Int64, of id: NodeID) {
    guard bytes != 0, !nodes.isOrphan(id), let node = nodes[id] else { return }
    storage.namespace.grew(
      node.identity, node.name, in: nodes[node.parent]?.identity, by: bytes, account(of: node.place, in: node.parent))
  }

  /// Brings the ledger up to date with every file that is open for writing.
  func bookAll() {
    for inode in handles.openInodes where inode.booking.withLock({ $0.writers > 0 }) {
      do {
        try book(inode)
      } catch {
        noteUnattended(error, "stat", inode.node)
      }
    }
  }
}

/// What the storage changes by itself.
extension MountTree: StorageObserver {
  package func changed(_ names: [FileName], in folder: FileIdentity) {
    guard let (id, node) = nodes.find(folder) else { return }
    // What the kernel does not remember it need not be told.
    guard policy.entryTimeout(in: node.place) > 0 else { return }
    for name in names { notifier?.invalidateEntry(Array(name.bytes), in: id) }
    notifier?.invalidateAttributes(of: id)
  }

  package func modeChanged(_ file: FileIdentity) {
    if let (id, _) = nodes.find(file) { notifier?.invalidateAttributes(of: id) }
  }

  package func settleChanges() { _ = notifier?.waitUntilDelivered(timeoutMilliseconds: 200) }

  package func unlinked(_ file: FileIdentity, _ held: SharedDescriptor, by loss: NameLoss) -> Int64? {
    let inode = handles.unlinked(file)
    // Who has a chunk open that has no name any more is no writer of the session's.
    if let inode { retarget(inode, to: nil) }
    let (size, open) =
      inode?.booking.withLock { booking -> (Int64?, SharedDescriptor?) in
        booking.isUnlinked = true
        return (booking.size, booking.handles.values.first?.descriptor)
      } ?? (nil, nil)
    // A chunk's bytes go with its name. What was deleted is kept for whoever is on the way to it, too, unless the room is
    // needed at once.
    let canBeOpened =
      switch loss {
      case .replaced: nodes.find(file).map { !isChunk($0.node.place) } ?? false
      case .deleted:
        orphans.hasRoom && !storage.freeSpace.isScarce()
          && nodes.find(file).map { canBeOpenedStill($0.node, held) } ?? false
      case .cutOff: false
      }
    guard let node = nodes.unlinked(file, left: canBeOpened ? held.raw : nil) else { return size }
    if canBeOpened {
      orphans.keep(.replaced(held), for: node)
    } else if loss == .cutOff {
      orphans.keep(.cutOff, for: node)
    } else if let open {
      // Who has it goes on asking for its attributes.
      orphans.keep(.held(open), for: node)
    } else {
      remember(held, for: node)
    }
    return size
  }

  /// Whether what was just deleted is a file whose bytes are its own.
  private func canBeOpenedStill(_ node: Node, _ held: SharedDescriptor) -> Bool {
    switch node.place {
    case .image, .work: true
    case .workspaceEntry: (try? Sys.stat(held))?.isRegularFile ?? false
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .userStats, .temp, .uploads, .session, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace:
      false
    }
  }

  /// Lets go of what has no name and nobody has open, so that its space is free, and keeps what is known of it.
  func remember(_ descriptor: SharedDescriptor, for node: NodeID) {
    guard var stat = try? Sys.stat(descriptor) else { return }
    // Somebody may be in it.
    if stat.isFolder { return orphans.keep(.held(folders[node] ?? descriptor), for: node) }
    stat.st_nlink = 0
    orphans.keep(.remembered(stat), for: node)
  }
}
