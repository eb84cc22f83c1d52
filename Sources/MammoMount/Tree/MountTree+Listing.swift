package import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
package import SystemPackage

/// Listing folders.
extension MountTree {
  package func openDirectory(_ node: NodeID, _ caller: Caller) throws(Errno) -> HandleID {
    try answering("opendir", node) {
      if let (id, handle) = handles.opened(by: caller.request), case .folder = handle { return id }
      let folder = try folder(node)
      // A position of its own: the descriptor of an operation is shared by all.
      let descriptor = SharedDescriptor(try Sys.reopen(folder.descriptor, O_RDONLY | O_DIRECTORY))
      return handles.insert(
        .folder(
          OpenFolder(node: node, place: folder.node.place, identity: folder.node.identity, descriptor: descriptor)),
        HandleRecord(.folder, node: node, request: caller.request, descriptor: descriptor.raw))
    }
  }

  package func releaseDirectory(_ node: NodeID, _ handle: HandleID) { handles.remove(handle) }

  package func synchronizeDirectory(
    _ node: NodeID, _ handle: HandleID, dataOnly: Bool, _ caller: Caller
  ) throws(Errno) {
    try answering("fsync", node) { try Sys.synchronizeFolder(try descriptor(of: node)) }
  }

  package func readDirectory(
    _ node: NodeID, _ handle: HandleID, from offset: UInt64, into listing: inout DirectoryListing, _ caller: Caller
  ) throws(Errno) {
    try answering("readdir", node) {
      guard case .folder(let open)? = handles[handle] else { throw Errno.badFileDescriptor }
      let folder = try folder(node)
      try open.state.withLock { state in
        if offset == 0 || state.isFresh { begin(&state, open) }
        var position = offset
        if let start = OpenFolder.firstPosition(offset) {
          guard try listFirst(from: start, state.first, folder, &listing) else { return }
          position = 0
        }
        // Beyond any number of the file system's is none of its positions: the call says so.
        try listStream(from: Int64(bitPattern: position), &state, folder, &listing)
        if listing.wantsAttributes { listing.afterwards = open.readingAhead() }
      }
    }
  }

  /// Takes the list of what is not in the folder on disk.
  private func begin(_ state: inout OpenFolder.State, _ open: OpenFolder) {
    if open.place == .session, let name = nodes[open.node]?.name {
      storage.uploads.session(name)?.waitForChunkRemoval()
    }
    state.isFresh = false
    var names = storage.namespace.pendingNames(in: open.identity)
    if open.place == .root { names += [".stats", ".errors"] }
    if open.place == .session, let session = nodes[open.node]?.name, markers.exist(for: session),
      storage.uploads.session(session)?.record == nil
    {
      names.append(Layout.result)
    }
    state.first = names
    state.firstSet = Set(names)
  }

  /// `.`, `..` and the list. False where the reply is full.
  private func listFirst(
    from start: Int, _ names: [FileName], _ folder: Folder, _ listing: inout DirectoryListing
  ) throws -> Bool {
    var position = start
    while position < names.count + 2 {
      let next = OpenFolder.offset(after: position + 1)
      if position < 2 {
        let id = position == 0 ? folder.id : folder.node.parent
        let inode = nodes[id]?.identity.inode ?? 1
        guard addDots(position == 0 ? "." : "..", inode, next, &listing) else { return false }
      } else {
        let name = names[position - 2]
        guard listing.hasRoom(forNameOf: name.count) else { return false }
        guard try add(name, nil, in: folder, next: next, &listing) else { return false }
      }
      position += 1
    }
    return true
  }

  private func addDots(_ name: FileName, _ inode: UInt64, _ next: UInt64, _ listing: inout DirectoryListing) -> Bool {
    guard listing.wantsAttributes else {
      return listing.add(name: name.nulTerminated, inode: inode, type: UInt8(DT_DIR), next: next)
    }
    var stat = Glibc.stat()
    stat.st_ino = ino_t(inode)
    stat.st_mode = S_IFDIR
    var entry = Entry.none(timeout: 0)
    entry.attributes = Attributes(stat: stat, timeout: 0)
    return listing.add(name: name.nulTerminated, entry: entry, next: next)
  }

  /// The folder in the storage root.
  private func listStream(
    from position: Int64, _ state: inout OpenFolder.State, _ folder: Folder, _ listing: inout DirectoryListing
  ) throws {
    try state.stream.seek(to: position)
    while true {
      let before = state.stream.position
      guard let found = try state.stream.next() else { return }
      guard !state.firstSet.contains(found.name) else { continue }
      guard listing.hasRoom(forNameOf: found.name.count),
        try add(found.name, found, in: folder, next: UInt64(bitPattern: found.next), &listing)
      else {
        return state.stream.putBack(before: before)
      }
    }
  }

  /// Adds one entry if it belongs here. False where the reply is full.
  private func add(
    _ name: FileName, _ found: FolderEntry?, in folder: Folder, next: UInt64, _ listing: inout DirectoryListing
  ) throws -> Bool {
    // What was planted in the storage root is not shown.
    guard let place = try? folder.node.place.child(name) else { return true }
    if let found, !listing.wantsAttributes, found.type != UInt8(DT_UNKNOWN) {
      guard belongs(found, in: folder, at: place) else { return true }
      return listing.add(name: name.nulTerminated, inode: found.inode, type: found.type, next: next)
    }
    if place == .chunk { sessionIfAny(folder)?.waitForChunkRemoval() }
    let entry: Entry?
    if place.isVirtual {
      entry = try virtualEntry(name, in: folder, place)
    } else if place == .marker {
      entry = try markerEntry(in: folder)
    } else if let file = try find(name, in: folder), belongs(file.stat, at: place) {
      entry = self.entry(name, in: folder, place, file.stat)
    } else {
      entry = nil
    }
    // Gone since the list was taken.
    guard let entry, let id = entry.node else { return true }
    if listing.wantsAttributes {
      if listing.add(name: name.nulTerminated, entry: entry, next: next) { return true }
      forget(id, count: 1)
      return false
    }
    defer { forget(id, count: 1) }
    let stat = entry.attributes.stat
    return listing.add(
      name: name.nulTerminated, inode: UInt64(stat.st_ino), type: UInt8(stat.st_mode >> 12), next: next)
  }

  private func belongs(_ entry: FolderEntry, in folder: Folder, at place: Place) -> Bool {
    var stat = Glibc.stat()
    stat.st_mode = mode_t(entry.type) << 12
    stat.st_ino = ino_t(entry.inode)
    stat.st_dev = dev_t(folder.node.identity.device)
    return belongs(stat, at: place)
  }
}
