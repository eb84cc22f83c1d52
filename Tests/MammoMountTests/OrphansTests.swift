import Foundation
import FuseKit
import StorageCore
import Testing

@testable import MammoMount

@Suite("What has no name any more")
struct OrphansTests {
  private let state: SharedState
  private let nodes: NodeTable
  private let orphans: Orphans

  init() throws {
    state = try SharedState()
    nodes = NodeTable(state.nodes, root: FileIdentity(device: 1, inode: 1))
    orphans = Orphans(nodes, in: state, patience: 50_000_000)
  }

  private struct Replaced {
    let id: NodeID
    /// Of a pipe, whose other end is what was replaced.
    let end: CInt
    var isClosed: Bool {
      var descriptor = pollfd(fd: end, events: 0, revents: 0)
      return poll(&descriptor, 1, 0) == 1
    }
  }

  private func replaced(_ inode: UInt64) throws -> Replaced {
    var ends: [CInt] = [-1, -1]
    try #require(pipe(&ends) == 0)
    let identity = FileIdentity(device: 1, inode: inode)
    _ = nodes.reference(Node(place: .workspaceEntry, parent: .root, name: "a", identity: identity))
    let id = try #require(nodes.unlinked(identity, left: ends[0]))
    orphans.keep(.replaced(SharedDescriptor(Descriptor(owning: ends[0]))), for: id)
    return Replaced(id: id, end: ends[1])
  }

  private func wait(until condition: () -> Bool) -> Bool {
    let deadline = Date(timeIntervalSinceNow: 60)
    while !condition(), Date.now < deadline { sched_yield() }
    return condition()
  }

  @Test("what was replaced is held for a time, then remembered, and the next server is not told of it any more")
  func letGo() throws {
    for inode in 2...4 {
      let file = try replaced(UInt64(inode))
      defer { close(file.end) }
      // It is not overruled by what a close says.
      orphans.keep(.remembered(stat()), for: file.id)
      #expect(wait { file.isClosed })
      #expect(orphans[file.id]?.descriptor == nil && orphans[file.id] != nil)
      #expect(state.nodes.left.isEmpty)
    }
  }

  @Test("what the kernel forgets is closed at once, one after the other")
  func forgotten() throws {
    let files = try (2...20).map { try replaced(UInt64($0)) }
    defer { for file in files { close(file.end) } }
    for file in files {
      for gone in nodes.forget(file.id, count: 1) { orphans.forget(gone) }
      #expect(file.isClosed && orphans[file.id] == nil)
    }
    #expect(state.nodes.left.isEmpty)
  }

  @Test("what the kernel has forgotten already is not kept")
  func late() throws {
    let identity = FileIdentity(device: 1, inode: 2)
    let id = nodes.reference(Node(place: .workspaceEntry, parent: .root, name: "a", identity: identity))
    _ = nodes.unlinked(identity)
    _ = nodes.forget(id, count: 1)
    orphans.keep(.remembered(stat()), for: id)
    #expect(orphans[id] == nil)
  }
}
