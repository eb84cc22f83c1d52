internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

typealias Location = Namespace.Location

/// A folder in which a request names an entry.
struct Folder {
  let id: NodeID
  let node: Node
  let descriptor: SharedDescriptor
}

/// Finding nodes and reaching their files.
extension MountTree {
  /// The node, or `ESTALE`: the kernel never asks for one that it has not been given.
  func node(_ id: NodeID) throws(Errno) -> Node {
    guard let node = nodes[id] else { throw .staleNFSFileHandle }
    return node
  }

  /// An open descriptor of a folder.
  func descriptor(of id: NodeID) throws(Errno) -> SharedDescriptor {
    if let descriptor = folders[id] { return descriptor }
    let node = try node(id)
    if let orphan = orphans[id]?.descriptor { return orphan }
    let descriptor: SharedDescriptor
    if id == .root {
      descriptor = SharedDescriptor(try Sys.reopen(storage.root.descriptor, O_RDONLY | O_DIRECTORY))
    } else {
      if nodes.isOrphan(id) { throw .noSuchFileOrDirectory }
      let parent = try self.descriptor(of: node.parent)
      descriptor = SharedDescriptor(try Sys.openFolder(node.name, in: parent))
      // A folder put there behind the mount's back is not the one that the kernel means.
      let stat = try Sys.stat(descriptor)
      guard FileIdentity(stat) == node.identity else { throw .staleNFSFileHandle }
    }
    folders.insert(descriptor, for: id)
    return descriptor
  }

  func folder(_ id: NodeID) throws(Errno) -> Folder {
    Folder(id: id, node: try node(id), descriptor: try descriptor(of: id))
  }

  /// Where an entry of a folder is.
  func location(of name: FileName, in folder: Folder) throws(StorageError) -> Location {
    try storage.namespace.location(of: name, in: folder.descriptor, folder.node.identity)
  }

  /// What is under a name; `nil` where there is nothing.
  func find(_ name: FileName, in folder: Folder) throws -> Namespace.Found? {
    try storage.namespace.find(name, in: folder.descriptor, folder.node.identity)
  }

  /// A folder as the namespace takes it.
  func place(_ folder: Folder) -> Namespace.Folder {
    let id = folder.id
    return Namespace.Folder(
      folder.descriptor, folder.node.identity, folder.node.place, user: userFolder(of: folder),
      session: sessionIfAny(folder)
    ) { [self] in names(of: id) }
  }

  /// The name of the user's folder that this one is, or is in.
  private func userFolder(of folder: Folder) -> FileName? {
    switch folder.node.place {
    case .user: folder.node.name
    case .year: nodes[folder.node.parent]?.name
    case .month: nodes[folder.node.parent].flatMap { nodes[$0.parent]?.name }
    case .root, .rootStats, .rootErrors, .area, .image, .work, .userStats, .temp, .uploads, .session, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace, .workspaceEntry:
      nil
    }
  }

  /// A descriptor of a node's file, good for attributes: one that is open, or a new one.
  ///
  /// What is found by name is checked to be the file that the node means.
  func reach(_ id: NodeID) throws -> SharedDescriptor {
    _ = try node(id)
    if let open = handles.inode(of: id)?.booking.withLock({ $0.handles.values.first?.descriptor }) {
      return open
    }
    if let orphan = orphans[id]?.descriptor { return orphan }
    if id == .root { return try descriptor(of: id) }
    // A rename may come between finding the name and using it.
    for _ in 0..<8 {
      let node = try self.node(id)
      if !nodes.isOrphan(id) {
        let location = try location(of: node.name, in: try folder(node.parent))
        if let descriptor = try held(location, as: node.identity) { return descriptor }
      }
      if let left = whatIsLeft(of: id, in: node.parent) { return left }
      if nodes.isOrphan(id) {
        // The kernel then looks the name up again. Of what nothing is kept it was only believed that it has no name.
        if orphans[id]?.isCutOff ?? true { throw Errno.staleNFSFileHandle }
        throw Errno.noSuchFileOrDirectory
      }
      nodes.lostName(node.identity, node.name, in: node.parent)
    }
    throw Errno.staleNFSFileHandle
  }

  /// A file or folder that is without a name, where it is kept. Whoever is just taking its name away holds the folder's
  /// lock until that is so.
  private func whatIsLeft(of id: NodeID, in folder: NodeID) -> SharedDescriptor? {
    guard let folder = nodes.identity(of: folder) else { return nil }
    return storage.names.holding(folder) { orphans[id]?.descriptor }
  }

  /// A descriptor of what is at a location, if that is the file that is meant.
  private func held(_ location: Location, as identity: FileIdentity) throws(Errno) -> SharedDescriptor? {
    do throws(Errno) {
      let descriptor = SharedDescriptor(try Sys.openPath(location.name, in: location.folder))
      return FileIdentity(try Sys.stat(descriptor)) == identity ? descriptor : nil
    } catch {
      if error.isWantOfDescriptors { throw error }
      return nil
    }
  }

  /// The descriptor that a request with a handle means.
  func reach(_ id: NodeID, _ handle: HandleID?) throws -> SharedDescriptor {
    switch handle.flatMap({ handles[$0] }) {
    case .file(let file): file.descriptor
    case .marker(let draft): draft.descriptor
    case .folder, .snapshot, .refusals, nil: try reach(id)
    }
  }

  /// What a node's `stat` says; the quick way, without opening anything.
  func stat(of id: NodeID) throws -> stat {
    let node = try node(id)
    // The kernel asks for a folder's after each change in it.
    if let folder = folders[id] { return try Sys.stat(folder) }
    if let inode = handles.inode(of: id),
      let open = inode.booking.withLock({ $0.handles.values.first?.descriptor })
    {
      return try Sys.stat(open)
    }
    if case .remembered(let stat)? = orphans[id] { return stat }
    if !nodes.isOrphan(id), id != .root, let folder = try? folder(node.parent),
      let found = try find(node.name, in: folder), FileIdentity(found.stat) == node.identity
    {
      return found.stat
    }
    return try Sys.stat(try reach(id))
  }

  // MARK: What the kernel is told

  /// The attributes of a file, as the mount shows them.
  func attributes(_ stat: stat, of place: Place, _ id: NodeID) -> Attributes {
    var stat = stat
    var timeout = policy.attributeTimeout(of: place)
    switch place {
    // These have one name, whatever records the staging folder keeps of them.
    case .image, .work, .chunk, .sessionWork:
      stat.st_nlink = min(stat.st_nlink, 1)
      stat.st_ctim = shownChange(stat, of: id)
      // The bytes of a chunk are elsewhere. A tool that is told of no blocks takes the chunk for one hole.
      if isChunk(place) { stat.st_blocks = max(stat.st_blocks, stat.st_size / 512 + (stat.st_size % 512 == 0 ? 0 : 1)) }
    // The times of the folder change when a file gets its name, of which the kernel is not told.
    case .month: if storage.namespace.hasPending(in: FileIdentity(stat)) { timeout = 0 }
    case .root: storage.top?.show(in: &stat)
    case .rootStats, .rootErrors, .area, .user, .year, .userStats, .temp, .uploads, .session, .sessionStats, .marker,
      .workspace, .workspaceEntry:
      break
    }
    return Attributes(stat: stat, timeout: timeout)
  }

  /// Counts a reference on what was found under a name and describes it.
  func entry(_ name: FileName, in folder: Folder, _ place: Place, _ stat: stat) -> Entry {
    let id = nodes.reference(Node(place: place, parent: folder.id, name: name, identity: FileIdentity(stat)))
    return Entry(
      node: id, attributes: attributes(stat, of: place, id), timeout: policy.entryTimeout(in: folder.node.place))
  }

  /// Whether something found in the storage root is what belongs at a place. What was planted there is not shown.
  func belongs(_ stat: stat, at place: Place) -> Bool {
    switch place {
    case .root, .area, .user, .year, .month, .temp, .uploads, .session, .workspace: stat.isFolder
    case .image: stat.isRegularFile && !storage.torn.has(stat)
    case .work, .chunk, .sessionWork, .marker, .rootStats, .rootErrors, .userStats, .sessionStats:
      stat.isRegularFile
    case .workspaceEntry: true
    }
  }
}
