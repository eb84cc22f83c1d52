package import FuseKit
package import Glibc
internal import StorageCore
package import SystemPackage

/// What only the workspace has: links, symbolic links, special files.
extension MountTree {
  package func makeNode(
    _ name: EntryName, in parent: NodeID, mode: mode_t, device: dev_t, _ caller: Caller
  ) throws(Errno) -> Entry {
    // Elsewhere a file is made as by an open: it waits for its name as others do, and is closed at once.
    if mode & S_IFMT == S_IFREG || mode & S_IFMT == 0, let place = nodes[parent]?.place, place != .workspace,
      place != .workspaceEntry
    {
      return try makeFile(name, in: parent, mode: mode, caller)
    }
    return try answering("mknod", parent, name) {
      try inWorkspace(name, parent, caller) { name, folder in
        try once(caller, unlessBefore: .fileExists) { () throws(Errno) in
          try Sys.makeNode(name, in: folder, mode: mode, device: device)
        } then: {
          try own(name, in: folder, caller)
        }
      }
    }
  }

  package func makeSymbolicLink(
    _ name: EntryName, in parent: NodeID, to target: [UInt8], _ caller: Caller
  ) throws(Errno) -> Entry {
    try answering("symlink", parent, name) {
      // Emacs tells others so what it edits, and does without where it cannot: nothing that somebody has to know.
      if case .files = try node(parent).place.contents.takes,
        FileName(nulTerminated: name.nulTerminated).hasPrefix(".#")
      {
        throw ToldBefore(errno: .notPermitted)
      }
      return try inWorkspace(name, parent, caller) { name, folder in
        try once(caller, unlessBefore: .fileExists) { () throws(Errno) in
          try Sys.makeSymbolicLink(name, in: folder, to: FileName(bytes: target))
        } then: {
          try own(name, in: folder, caller)
        }
      }
    }
  }

  /// Gives a new entry to its caller; one that cannot be given goes again.
  private func own(_ name: FileName, in folder: CInt, _ caller: Caller) throws(Errno) {
    do throws(Errno) {
      try Sys.chown(name, in: folder, caller.user, try Root.inheritedGroup(of: folder) ?? caller.group)
    } catch {
      try Sys.unlink(name, in: folder)
      throw error
    }
  }

  package func link(
    _ node: NodeID, as name: EntryName, in parent: NodeID, _ caller: Caller
  ) throws(Errno) -> Entry {
    try answering("link", parent, name) {
      let record = try self.node(node)
      guard !record.place.isVirtual else { throw StorageError.reserved(record.name.description) }
      if try isTriedBeforeRename(record.place, FileName(nulTerminated: name.nulTerminated), in: parent) {
        throw ToldBefore(errno: .notPermitted)
      }
      // Not for what is refused anyway: a finished session's marker is not to be reached.
      let file = record.place == .workspaceEntry ? try reach(node) : nil
      return try inWorkspace(name, parent, caller) { name, folder in
        guard let file else {
          throw StorageError.crossesPlaces(rule: "an image has one name; copy it, or link files of temp/processing")
        }
        return try once(caller, unlessBefore: .fileExists) { () throws(Errno) in
          try storage.namespace.link(
            file, record.identity, in: nodes.identity(of: record.parent), as: name, in: folder)
        }
      }
    }
  }

  /// Whether a link is what servers of sftp try before they rename. They do without, and nobody has to know.
  private func isTriedBeforeRename(_ source: Place, _ name: FileName, in parent: NodeID) throws -> Bool {
    guard let target = try? node(parent).place.child(name) else { return false }
    switch (source, target) {
    case (.image, .image), (.work, .image), (.image, .work), (.work, .work), (.sessionWork, .chunk),
      (.sessionWork, .sessionWork), (.sessionWork, .marker):
      return true
    default: return false
    }
  }

  /// Makes a name in the workspace and describes it; elsewhere it is refused.
  ///
  /// - Parameter make: tells whether it was not there before.
  private func inWorkspace(
    _ name: EntryName, _ parent: NodeID, _ caller: Caller, _ make: (FileName, CInt) throws -> Bool
  ) throws -> Entry {
    let folder = try folder(parent)
    let name = FileName(nulTerminated: name.nulTerminated)
    try NameRules.check(name)
    let contents = folder.node.place.contents
    guard case .anything = contents.takes else {
      if let place = try? folder.node.place.child(name), place.isVirtual {
        throw StorageError.reserved(name.description)
      }
      throw StorageError.notHere(
        name.description, rule: "links and special files can be made in temp/processing only; " + contents.rule)
    }
    let place = try folder.node.place.child(name)
    if !wasDone(caller.request) { try storage.freeSpace.admit() }
    return try storage.gate.changing {
      let isNew = try make(name, folder.descriptor.raw)
      let stat = try Sys.stat(name, in: folder.descriptor)
      // What an earlier server made, a counter finds.
      if isNew { storage.namespace.made(stat, in: folder.node.identity) }
      return entry(name, in: folder, place, stat)
    }
  }
}
