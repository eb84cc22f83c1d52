package import FuseKit
package import Glibc
internal import StorageCore
internal import Synchronization
package import SystemPackage

/// Names, and what `stat` says of them.
extension MountTree {
  package func lookup(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) -> Entry {
    try answering("lookup", parent, name) {
      let folder = try folder(parent)
      let name = FileName(nulTerminated: name.nulTerminated)
      let missing = Entry.none(timeout: policy.entryTimeout(in: folder.node.place))
      let place: Place
      do throws(StorageError) {
        place = try folder.node.place.child(name)
      } catch .nameTooLong {
        throw Errno.fileNameTooLong
      } catch {
        // A name that nothing can have: making it is refused, asking for it finds nothing.
        return missing
      }
      if place.isVirtual { return try virtualEntry(name, in: folder, place) }
      if place == .marker { return try markerEntry(in: folder) ?? missing }
      if place == .chunk { sessionIfAny(folder)?.waitForChunkRemoval() }
      guard let found = try find(name, in: folder), belongs(found.stat, at: place) else { return missing }
      return entry(name, in: folder, place, found.stat)
    }
  }

  package func forget(_ node: NodeID, count: UInt64) {
    for gone in nodes.forget(node, count: count) {
      folders.remove(gone)
      orphans.forget(gone)
    }
  }

  package func attributes(
    of node: NodeID, handle: HandleID?, _ caller: Caller
  ) throws(Errno) -> Attributes {
    try answering("stat", node) {
      let record = try self.node(node)
      if record.place.isVirtual { return try virtualAttributes(record, caller) }
      if record.place == .marker { return try markerAttributes(record, handle) }
      if case .file(let file)? = handle.flatMap({ handles[$0] }) {
        return attributes(try Sys.stat(file.descriptor), of: record.place, node)
      }
      return attributes(try stat(of: node), of: record.place, node)
    }
  }

  package func readSymbolicLink(_ node: NodeID, _ caller: Caller) throws(Errno) -> [UInt8] {
    try answering("readlink", node) {
      let record = try self.node(node)
      guard record.place == .workspaceEntry else { throw Errno.invalidArgument }
      return try Sys.readSymbolicLink("", in: try reach(node))
    }
  }

  package func statistics(of node: NodeID, _ caller: Caller) throws(Errno) -> statvfs {
    try answering("statfs", node) {
      var figures = try storage.freeSpace.figures()
      figures.f_namemax = 255
      // Block counts are in units of f_frsize.
      figures.f_bsize = figures.f_frsize
      return figures
    }
  }
}
