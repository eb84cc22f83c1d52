import FuseKit
import StorageCore
import Testing

@testable import MammoMount

@Suite("The table of nodes")
struct NodeTableTests {
  private let state: SharedState
  private let table: NodeTable

  init() throws {
    state = try SharedState()
    table = NodeTable(state.nodes, root: FileIdentity(device: 1, inode: 1))
  }

  private func node(_ name: FileName, _ inode: UInt64, in parent: NodeID = .root) -> Node {
    Node(place: .workspaceEntry, parent: parent, name: name, identity: FileIdentity(device: 1, inode: inode))
  }

  @Test("a file is one node however often it is looked up, and goes with its last reference")
  func references() {
    let first = table.reference(node("a", 2))
    #expect(table.reference(node("a", 2)) == first)
    #expect(table.forget(first, count: 1) == [])
    #expect(table[first]?.name == "a")
    #expect(table.forget(first, count: 1) == [first])
    #expect(table[first] == nil)
  }

  @Test("a folder stays while something in it is referred to")
  func parents() {
    let folder = table.reference(node("folder", 2))
    let file = table.reference(node("file", 3, in: folder))
    #expect(table.forget(folder, count: 1) == [])
    #expect(table[folder] != nil)
    #expect(
      table.forget(file, count: 1) == [file, folder], "the folder goes with it, and whoever remembers it is told")
    #expect(table[folder] == nil)
  }

  @Test("hard links share a node, which is reached by the name that is left")
  func links() {
    let first = table.reference(node("a", 2))
    #expect(table.reference(node("b", 2)) == first)
    table.lostName(FileIdentity(device: 1, inode: 2), "b", in: .root)
    #expect(table[first]?.name == "a")
  }

  @Test("an inode number that is used again is another file")
  func recycled() {
    let old = table.reference(node("a", 2))
    table.unlinked(FileIdentity(device: 1, inode: 2))
    let new = table.reference(node("b", 2))
    #expect(new != old)
    #expect(table.isOrphan(old))
    #expect(table[new]?.name == "b")
    #expect(table.forget(old, count: 1) == [old])
    #expect(table.find(FileIdentity(device: 1, inode: 2))?.id == new)
  }

  @Test("a number is never another node's later")
  func numbers() {
    let old = table.reference(node("a", 2))
    #expect(table.forget(old, count: 1) == [old])
    let new = table.reference(node("b", 3))
    #expect(new != old)
    #expect(table[old] == nil && table.isOrphan(old))
    #expect(table.forget(old, count: 1) == [])
    #expect(table[new]?.name == "b")
  }
}
