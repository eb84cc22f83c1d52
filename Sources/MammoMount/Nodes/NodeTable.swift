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
/// reached by a folder and a name; both numbers and records can be made again
/// from the tree. A file that lost its last name is taken off the index at once,
/// because its inode number may be another file's the next moment. A node's number is
/// never given out again: what somebody still remembers of it cannot be taken for another's.
final class NodeTable: Sendable {
  fileprivate struct Slot {
    var node: Node
    /// References that the kernel holds.
    var lookups: UInt64
    /// Nodes whose parent this is; they need it to be reached.
    var children: UInt32 = 0
    var isOrphan = false
  }

  fileprivate struct Table {
    var slots: [Slot?]
    /// How often each slot was used before.
    var generations: [UInt32] = [0]
    var free: [Int] = []
    var index: [FileIdentity: Int] = [:]
    /// The further names of files that have several.
    var otherNames: [Int: [Name]] = [:]
    /// Nodes that went and of which nobody has been told.
    var dropped: [NodeID] = []
  }

  fileprivate struct Name: Equatable {
    var parent: NodeID
    var name: FileName
    var place: Place
  }

  private let table: Mutex<Table>

  /// - Parameter root: the identity of the storage root.
  init(root: FileIdentity) {
    let node = Node(place: .root, parent: .root, name: "", identity: root)
    table = Mutex(Table(slots: [Slot(node: node, lookups: 1)], index: [root: 0]))
  }

  subscript(id: NodeID) -> Node? {
    table.withLock { table in table[id]?.node }
  }

  /// Whether the file of a node has no name any more.
  func isOrphan(_ id: NodeID) -> Bool { table.withLock { $0[id]?.isOrphan ?? true } }

  func find(_ identity: FileIdentity) -> (id: NodeID, node: Node)? {
    table.withLock { table in
      guard let slot = table.index[identity], let entry = table.slots[slot] else { return nil }
      return (table.id(of: slot), entry.node)
    }
  }

  /// The node of a file that was found under a name, with one more reference.
  func reference(_ node: Node) -> NodeID {
    table.withLock { table in
      if let slot = table.index[node.identity], table.slots[slot] != nil {
        table.slots[slot]?.lookups += 1
        table.addName(Name(parent: node.parent, name: node.name, place: node.place), to: slot)
        return table.id(of: slot)
      }
      let slot = table.free.popLast() ?? table.slots.count
      if slot == table.slots.count {
        table.slots.append(nil)
        table.generations.append(0)
      }
      table.slots[slot] = Slot(node: node, lookups: 1)
      table.slots[node.parent.slot]?.children += 1
      table.index[node.identity] = slot
      return table.id(of: slot)
    }
  }

  /// Takes references back. Returns the nodes that are gone with that: this one, and folders that only led to it.
  func forget(_ id: NodeID, count: UInt64) -> [NodeID] {
    table.withLock { table in
      guard id != .root, let entry = table[id] else { return [] }
      table.slots[id.slot]?.lookups -= min(count, entry.lookups)
      table.dropIfUnused(id.slot)
      defer { table.dropped.removeAll() }
      return table.dropped
    }
  }

  /// A file has a new name instead of an old one.
  func renamed(_ identity: FileIdentity, from old: (NodeID, FileName), to new: Node) {
    table.withLock { table in
      guard let slot = table.index[identity] else { return }
      let now = Name(parent: new.parent, name: new.name, place: new.place)
      table.removeName(Name(parent: old.0, name: old.1, place: new.place), from: slot)
      table.setPrimary(now, of: slot)
    }
  }

  /// One of a file's names is gone, but not its last.
  func lostName(_ identity: FileIdentity, _ name: FileName, in parent: NodeID) {
    table.withLock { table in
      guard let slot = table.index[identity], let node = table.slots[slot]?.node else { return }
      if node.parent == parent, node.name == name {
        guard let other = table.otherNames[slot]?.popLast() else { return }
        table.setPrimary(other, of: slot)
      } else {
        table.removeName(Name(parent: parent, name: name, place: node.place), from: slot)
      }
    }
  }

  /// A file's last name is gone; what is open of it lives on.
  @discardableResult
  func unlinked(_ identity: FileIdentity) -> NodeID? {
    table.withLock { table in
      guard let slot = table.index.removeValue(forKey: identity) else { return nil }
      table.slots[slot]?.isOrphan = true
      table.otherNames[slot] = nil
      return table.id(of: slot)
    }
  }
}

extension NodeTable.Table {
  /// The slot of a node, unless the number is one of before.
  fileprivate subscript(id: NodeID) -> NodeTable.Slot? {
    slots.indices.contains(id.slot) && generations[id.slot] == id.generation ? slots[id.slot] : nil
  }

  fileprivate func id(of slot: Int) -> NodeID { NodeID(slot: slot, generation: generations[slot]) }

  /// Notes one more name of a file, and makes it the one by which the file is reached.
  fileprivate mutating func addName(_ name: NodeTable.Name, to slot: Int) {
    guard let node = slots[slot]?.node else { return }
    if node.parent == name.parent, node.name == name.name { return }
    let before = NodeTable.Name(parent: node.parent, name: node.name, place: node.place)
    var others = otherNames[slot] ?? []
    others.removeAll { $0.parent == name.parent && $0.name == name.name }
    others.append(before)
    // Names that are no longer true are dropped when they are tried.
    otherNames[slot] = others.suffix(64)
    setPrimary(name, of: slot)
  }

  fileprivate mutating func removeName(_ name: NodeTable.Name, from slot: Int) {
    guard otherNames[slot] != nil else { return }
    otherNames[slot]?.removeAll { $0.parent == name.parent && $0.name == name.name }
    if otherNames[slot]?.isEmpty ?? false { otherNames[slot] = nil }
  }

  fileprivate mutating func setPrimary(_ name: NodeTable.Name, of slot: Int) {
    guard let old = slots[slot]?.node else { return }
    slots[slot]?.node.parent = name.parent
    slots[slot]?.node.name = name.name
    slots[slot]?.node.place = name.place
    if old.parent != name.parent {
      slots[name.parent.slot]?.children += 1
      slots[old.parent.slot]?.children -= 1
      dropIfUnused(old.parent.slot)
    }
  }

  fileprivate mutating func dropIfUnused(_ slot: Int) {
    guard slot != 0, let entry = slots[slot], entry.lookups == 0, entry.children == 0 else { return }
    if index[entry.node.identity] == slot { index[entry.node.identity] = nil }
    otherNames[slot] = nil
    slots[slot] = nil
    dropped.append(id(of: slot))
    generations[slot] &+= 1
    free.append(slot)
    slots[entry.node.parent.slot]?.children -= 1
    dropIfUnused(entry.node.parent.slot)
  }
}

/// The slot, counted from 1 as the kernel wants it, in the lower half; how often the slot was used before in the upper.
extension NodeID {
  fileprivate var slot: Int { Int(rawValue & 0xFFFF_FFFF) - 1 }
  fileprivate var generation: UInt32 { UInt32(rawValue >> 32) }
  fileprivate init(slot: Int, generation: UInt32) {
    self.init(rawValue: UInt64(generation) << 32 | UInt64(slot + 1))
  }
}
