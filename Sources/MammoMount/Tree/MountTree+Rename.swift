internal import CLinux
package import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
package import SystemPackage

/// `rename`, within a place and from one to another.
extension MountTree {
  /// One side of a rename.
  struct Side {
    let folder: Folder
    let entry: Namespace.Entry

    var name: FileName { entry.name }
    var place: Place { entry.place }
    var found: Namespace.Found? { entry.found }
  }

  package func rename(
    _ name: EntryName, in parent: NodeID, to newName: EntryName, in newParent: NodeID, flags: UInt32, _ caller: Caller
  ) throws(Errno) {
    try answering("rename", newParent, newName) {
      do { try renameOnce(name, in: parent, to: newName, in: newParent, flags: flags, caller) } catch is RenamedBefore {
      }
    }
  }

  /// Throws ``RenamedBefore`` where an earlier server has done it.
  private func renameOnce(
    _ name: EntryName, in parent: NodeID, to newName: EntryName, in newParent: NodeID, flags: UInt32, _ caller: Caller
  ) throws {
    guard flags & ~(lx_RENAME_NOREPLACE | lx_RENAME_EXCHANGE) == 0,
      flags != lx_RENAME_NOREPLACE | lx_RENAME_EXCHANGE
    else {
      throw StorageError.badFlags("rename", rule: "it knows RENAME_NOREPLACE and RENAME_EXCHANGE, one at a time")
    }
    let (name, newName) = (
      FileName(nulTerminated: name.nulTerminated), FileName(nulTerminated: newName.nulTerminated)
    )
    let (folder, newFolder) = (try folder(parent), try folder(newParent))
    func sides() throws -> (source: Side, target: Side, stat: stat) {
      let source = try source(name, in: folder)
      if source.found == nil, try wasRenamed(newName, in: newFolder, by: caller.request) { throw RenamedBefore() }
      guard let stat = source.found?.stat else { throw Errno.noSuchFileOrDirectory }
      let target = try target(newName, in: newFolder, of: stat)
      try storage.namespace.checkPlaces(source.entry, stat, target.entry)
      if target.found != nil, flags == lx_RENAME_NOREPLACE { throw Errno.fileExists }
      return (source, target, stat)
    }
    if renames.wasDone(caller.request) || wasDone(caller.request) { return }
    let first = try sides()
    if first.target.place == .marker {
      guard flags != lx_RENAME_EXCHANGE else {
        throw StorageError.badFlags(
          "rename", rule: "a marker changes places with no other file; rename yours to .complete")
      }
      if flags == lx_RENAME_NOREPLACE, let present = try markerEntry(in: newFolder)?.node {
        forget(present, count: 1)
        throw Errno.fileExists
      }
      return try completeByRename(first.source, first.target, caller)
    }
    if folder.id == newFolder.id, name == newName { return }
    if first.source.place == .workspaceEntry, case .image = first.target.place, first.stat.isRegularFile {
      askWriters(of: name, first.stat)
      // Most of the wait for the disk, before the locks.
      try Sys.synchronizeData(try Sys.open(name, in: folder.descriptor, O_RDONLY | O_NONBLOCK))
    }
    if flags == lx_RENAME_EXCHANGE {
      // The same: nobody else changes anything while two change places.
      for side in [first.source, first.target] {
        guard let found = side.found, found.stat.isRegularFile, !found.location.isStaged else { continue }
        try Sys.synchronizeData(try Sys.open(side.name, in: side.folder.descriptor, O_RDONLY | O_NONBLOCK))
      }
    }
    // Looked up again under the locks: a close may be publishing either of them.
    if flags == lx_RENAME_EXCHANGE || first.stat.isFolder {
      // Alone: the counter and those who book by folder see it before or after, not half way.
      try storage.gate.still {
        let (source, target, _) = try sides()
        try recording(caller, source, target, exchanging: flags == lx_RENAME_EXCHANGE) {
          guard flags == lx_RENAME_EXCHANGE else {
            return try storage.namespace.moveFolder(source.entry, target.entry)
          }
          if let back = target.found?.stat { try storage.namespace.checkPlaces(target.entry, back, source.entry) }
          try storage.namespace.exchange(source.entry, target.entry)
        }
      }
    } else {
      try storage.gate.changing {
        try storage.names.holding(folder.node.identity, and: newFolder.node.identity) {
          let (source, target, _) = try sides()
          try recording(caller, source, target, exchanging: false) {
            try storage.namespace.move(source.entry, target.entry)
          }
        }
      }
    }
  }

  private func side(_ folder: Folder, _ name: FileName, _ place: Place, _ found: Namespace.Found?) -> Side {
    Side(folder: folder, entry: Namespace.Entry(folder: self.place(folder), name: name, place: place, found: found))
  }

  private func source(_ name: FileName, in folder: Folder) throws -> Side {
    let place = try existingPlace(name, in: folder)
    if place == .marker { throw StorageError.reserved(".complete") }
    return side(folder, name, place, try find(name, in: folder))
  }

  private func target(_ name: FileName, in folder: Folder, of stat: stat) throws -> Side {
    try NameRules.check(name)
    let contents = folder.node.place.contents
    let takes =
      switch contents.takes {
      case .nothing: false
      case .folders: stat.isFolder
      case .files: !stat.isFolder
      case .anything: true
      }
    if let place = try? folder.node.place.child(name), place.isVirtual { throw StorageError.reserved(name.description) }
    guard takes else { throw StorageError.notHere(name.description, rule: contents.rule) }
    let place = try folder.node.place.child(name)
    return side(folder, name, place, place == .marker ? nil : try find(name, in: folder))
  }
}
