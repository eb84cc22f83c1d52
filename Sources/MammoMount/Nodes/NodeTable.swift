internal import FuseKit
internal import StorageCore
internal import Synchronization

/// What the mount knows about one inode that the kernel refers to.
struct Node: Sendable {
  var place: Place
  var parent: NodeID
  var name: FileName
  var identity: FileIdentity
}

/// The inodes that the kernel refers to, by number.
///
/// A node is found by the file's identity, so that hard links share one, and
/// reached by a folder and a name. A file that lost its last name is taken off the index at once,
/// because its inode number may be another file's the next moment. A node's number is
/// never given out again: what somebody still remembers of it cannot be taken for another's.
///
/// The nodes themselves are in memory that outlives the server (``NodeRecords``), since the kernel goes on using their
/// numbers; what finds them is made again from that.
final class NodeTable: Sendable {
  fileprivate struct Table {
    let records: NodeRecords
    var cells: NameCells
    /// Slots of before, for new nodes.
    var free: [UInt32] = []
    var index: [FileIdentity: UInt32] = [:]
    /// The further names of files that have several. A later server learns them again when they are used.
    var otherNames: [Int: [Name]] = [:]
    /// Nodes that went and of which nobody has been told.
    var dropped: [NodeID] = []
  }

  fileprivate struct Name: Equatable {
    var parent: NodeID
    var name: FileName
    var place: Place
  }

  /// Free slots beyond these give their memory back: 512 KiB.
  fileprivate static let keptFree = 1 << 12

  private let table: Mutex<Table>

  /// The nodes of an earlier server, or a table with the root alone.
  ///
  /// - Parameter root: the identity of the storage root.
  init(_ records: NodeRecords, root: FileIdentity) {
    var new = Table(records: records, cells: records.recover())
    if !records.isUsed(0) {
      records.begin(Node(place: .root, parent: .root, name: "", identity: root), in: 0, &new.cells)
    }
    records.setIdentity(0, root)
    for slot in 0..<records.count {
      if !records.isUsed(slot) {
        new.free.append(UInt32(slot))
      } else if !records.isOrphan(slot) {
        new.index[records.identity(slot)] = UInt32(slot)
      }
    }
    table = Mutex(new)
  }

  subscript(id: NodeID) -> Node? {
    table.withLock { table in table.isCurrent(id) ? table.records.node(id.slot) : nil }
  }

  /// Which file a node is; quicker than the whole node.
  func identity(of id: NodeID) -> FileIdentity? {
    table.withLock { table in table.isCurrent(id) ? table.records.identity(id.slot) : nil }
  }

  /// Files without a name that an earlier server left to be opened still.
  var left: [(id: NodeID, descriptor: CInt)] {
    table.withLock { table in table.records.left.map { (table.id(of: $0.slot), $0.descriptor) } }
  }

  /// What an orphan left can be opened no longer.
  func letGo(_ id: NodeID) {
    table.withLock { table in
      if table.isCurrent(id) { table.records[id.slot].left = 0 }
    }
  }

  func contains(_ id: NodeID) -> Bool { table.withLock { $0.isCurrent(id) } }

  /// Whether the file of a node has no name any more.
  func isOrphan(_ id: NodeID) -> Bool {
    table.withLock { table in !table.isCurrent(id) || table.records.isOrphan(id.slot) }
  }

  func find(_ identity: FileIdentity) -> (id: NodeID, node: Node)? {
    table.withLock { table in
      guard let slot = table.index[identity].map({ Int($0) }) else { return nil }
      return (table.id(of: slot), table.records.node(slot))
    }
  }

  /// The node of a file that was found under a name, with one more reference.
  func reference(_ node: Node) -> NodeID {
    table.withLock { table in
      if let slot = table.index[node.identity].map({ Int($0) }) {
        table.records[slot].lookups += 1
        table.addName(node, to: slot)
        return table.id(of: slot)
      }
      let slot = table.free.popLast().map { Int($0) } ?? table.records.count
      table.records.begin(node, in: slot, &table.cells)
      if table.isCurrent(node.parent) { table.records[node.parent.slot].children += 1 }
      table.index[node.identity] = UInt32(slot)
      return table.id(of: slot)
    }
  }

  // MARK: The time of change

  /// The time of change to be shown of a node whose file has `real`; both in nanoseconds since 1970.
  func shownChange(of id: NodeID, at real: Int64) -> Int64? {
    table.withLock { table in table.isCurrent(id) ? table.records.shownChange(id.slot, at: real) : nil }
  }

  /// The service begins to work on a file: until ``changeIsHidden(_:at:)`` its time of change shows as it does now.
  func hideChange(_ file: FileIdentity, from real: Int64) {
    table.withLock { table in
      if let slot = table.index[file] { table.records.hideChange(Int(slot), from: real) }
    }
  }

  func changeIsHidden(_ file: FileIdentity, at real: Int64) {
    table.withLock { table in
      if let slot = table.index[file] { table.records.changeIsHidden(Int(slot), at: real) }
    }
  }

  /// A caller is about to change a file.
  func showChange(of id: NodeID) {
    table.withLock { table in if table.isCurrent(id) { table.records.showChange(id.slot) } }
  }

  /// Files on which an earlier server was working when it ended.
  var hidingChanges: [NodeID] {
    table.withLock { table in
      (1..<max(1, table.records.count)).filter { table.records.isUsed($0) && table.records.isHidingChange($0) }
        .map { table.id(of: $0) }
    }
  }

  /// Takes references back. Returns the nodes that are gone with that: this one, and folders that only led to it.
  func forget(_ id: NodeID, count: UInt64) -> [NodeID] {
    table.withLock { table in
      guard id != .root, table.isCurrent(id) else { return [] }
      table.records[id.slot].lookups -= min(count, table.records[id.slot].lookups)
      table.dropIfUnused(id.slot)
      table.giveBack()
      defer { table.dropped.removeAll() }
      return table.dropped
    }
  }

  /// Notes of a file that it was made and not opened.
  func noteUnopened(_ id: NodeID) {
    table.withLock { table in if table.isCurrent(id) { table.records[id.slot].isUnopened = 1 } }
  }

  /// Whether a file was made and not opened; it is opened now.
  func takeUnopened(_ id: NodeID) -> Bool {
    table.withLock { table in
      guard table.isCurrent(id), table.records[id.slot].isUnopened != 0 else { return false }
      table.records[id.slot].isUnopened = 0
      return true
    }
  }

  /// A file has a new name instead of an old one.
  func renamed(_ identity: FileIdentity, from old: (NodeID, FileName), to new: Node) {
    table.withLock { table in
      guard let slot = table.index[identity].map({ Int($0) }) else { return }
      // Where the file was reached by another of its names it has that still.
      let isReached = table.isPrimary(old.0, old.1, of: slot)
      table.removeName(Name(parent: old.0, name: old.1, place: new.place), from: slot)
      if isReached {
        table.setPrimary(Name(parent: new.parent, name: new.name, place: new.place), of: slot)
      } else {
        table.addName(new, to: slot)
      }
    }
  }

  /// One of a file's names is gone, but not its last.
  func lostName(_ identity: FileIdentity, _ name: FileName, in parent: NodeID) {
    table.withLock { table in
      guard let slot = table.index[identity].map({ Int($0) }) else { return }
      if table.isPrimary(parent, name, of: slot) {
        guard let other = table.otherNames[slot]?.popLast() else { return }
        table.setPrimary(other, of: slot)
      } else {
        table.removeName(Name(parent: parent, name: name, place: .workspaceEntry), from: slot)
      }
    }
  }

  /// What is reached by a name. Goes through all.
  func named(_ name: FileName, in parent: NodeID) -> Node? {
    table.withLock { table in
      (1..<max(1, table.records.count)).first { slot in
        table.records.isUsed(slot) && !table.records.isOrphan(slot) && table.isPrimary(parent, name, of: slot)
      }.map { table.records.node($0) }
    }
  }

  /// A file's last name is gone; what is open of it lives on.
  ///
  /// - Parameter left: a descriptor of it by which it can still be opened.
  @discardableResult
  func unlinked(_ identity: FileIdentity, left: CInt? = nil) -> NodeID? {
    table.withLock { table in
      guard let slot = table.index.removeValue(forKey: identity).map({ Int($0) }) else { return nil }
      table.records.orphan(slot, left: left)
      table.otherNames[slot] = nil
      return table.id(of: slot)
    }
  }
}

extension NodeTable.Table {
  /// Whether a number is not one of before.
  fileprivate func isCurrent(_ id: NodeID) -> Bool {
    records.isUsed(id.slot) && records.generation(id.slot) == id.generation
  }

  fileprivate func id(of slot: Int) -> NodeID { NodeID(slot: slot, generation: records.generation(slot)) }

  fileprivate func isPrimary(_ parent: NodeID, _ name: FileName, of slot: Int) -> Bool {
    records[slot].parent == parent.rawValue && records.hasName(slot, name)
  }

  /// Notes one more name of a file, and makes it the one by which the file is reached.
  fileprivate mutating func addName(_ node: Node, to slot: Int) {
    if isPrimary(node.parent, node.name, of: slot) { return }
    let old = records.node(slot)
    var others = otherNames[slot] ?? []
    others.removeAll { $0.parent == node.parent && $0.name == node.name }
    others.append(NodeTable.Name(parent: old.parent, name: old.name, place: old.place))
    // Names that are no longer true are dropped when they are tried.
    otherNames[slot] = others.suffix(64)
    setPrimary(NodeTable.Name(parent: node.parent, name: node.name, place: node.place), of: slot)
  }

  fileprivate mutating func removeName(_ name: NodeTable.Name, from slot: Int) {
    guard otherNames[slot] != nil else { return }
    otherNames[slot]?.removeAll { $0.parent == name.parent && $0.name == name.name }
    if otherNames[slot]?.isEmpty ?? false { otherNames[slot] = nil }
  }

  fileprivate mutating func setPrimary(_ name: NodeTable.Name, of slot: Int) {
    let old = NodeID(rawValue: records[slot].parent)
    records.move(slot, to: name.parent, name.name, name.place, &cells)
    if old != name.parent {
      if isCurrent(name.parent) { records[name.parent.slot].children += 1 }
      leave(old)
    }
  }

  /// One that led to something does not any more.
  private mutating func leave(_ parent: NodeID) {
    guard isCurrent(parent) else { return }
    records[parent.slot].children -= min(1, records[parent.slot].children)
    dropIfUnused(parent.slot)
  }

  fileprivate mutating func dropIfUnused(_ slot: Int) {
    let record = records[slot]
    guard slot != 0, record.lookups == 0, record.children == 0 else { return }
    let identity = records.identity(slot)
    if index[identity] == UInt32(slot) { index[identity] = nil }
    otherNames[slot] = nil
    dropped.append(id(of: slot))
    records.end(slot, &cells)
    free.append(UInt32(slot))
    if free.count > NodeTable.keptFree { records.releasePage(of: slot) }
    leave(NodeID(rawValue: record.parent))
  }

  /// The index gives memory back, too, once it is mostly empty.
  fileprivate mutating func giveBack() {
    guard index.capacity > NodeTable.keptFree, index.count < index.capacity / 8 else { return }
    index = Dictionary(uniqueKeysWithValues: index.map { ($0.key, $0.value) })
  }
}
