internal import FuseKit
internal import Glibc
internal import StorageCore

/// What is left of a file or folder without a name.
enum Orphan: Sendable {
  /// It is open, or somebody is in it.
  case held(SharedDescriptor)
  /// Another file has its name. It can be opened still, by whoever was on the way to it: in a kernel's file system nobody
  /// who asks for a name that is replaced finds nothing.
  case replaced(SharedDescriptor)
  /// It could not be written and has lost its name by that: who looked it up before is to look again.
  case cutOff
  /// Nobody has it: what `stat` said at last. Not held, so that its space is free.
  case remembered(stat)

  var isCutOff: Bool { if case .cutOff = self { true } else { false } }

  var descriptor: SharedDescriptor? {
    switch self {
    case .held(let descriptor), .replaced(let descriptor): descriptor
    case .cutOff, .remembered: nil
    }
  }
}

/// What has no name any more and the kernel still refers to.
final class Orphans: Sendable {
  private struct Kept {
    var all: [NodeID: Orphan] = [:]
    /// In the order of their time, with those that have gone meanwhile.
    var replaced: [(id: NodeID, until: UInt64)] = []
    /// How many of them have not gone.
    var open = 0
    var isRunning = false
  }

  private let kept = Monitor(Kept())
  private let nodes: NodeTable
  /// In which the nodes are.
  private let memory: SharedState

  /// The kernel forgets a replaced file as soon as nobody is on the way to it. Where it does not after so many
  /// nanoseconds (a watch is on it, or its count was lost with an earlier server) its space is freed all the same.
  private let patience: UInt64
  /// How often it is looked whether their time is over.
  private var period: UInt64 { patience / 10 }

  init(_ nodes: NodeTable, in memory: SharedState, patience: UInt64 = 10_000_000_000) {
    self.nodes = nodes
    self.memory = memory
    self.patience = patience
  }

  /// Whether more that was deleted may be kept open for a moment.
  var hasRoom: Bool { kept.withLock { $0.open < Self.limit } }
  private static let limit = 1000

  subscript(id: NodeID) -> Orphan? { kept.withLock { $0.all[id] } }

  /// Keeps what has no name any more until the kernel forgets it. What was replaced or cut off stays that.
  func keep(_ orphan: Orphan, for id: NodeID) {
    let starts = kept.withLock { kept in
      switch kept.all[id] {
      case .replaced?, .cutOff?: return false
      case .held?, .remembered?, nil: kept.all[id] = orphan
      }
      guard case .replaced = orphan else { return false }
      kept.replaced.append((id, Clock.monotonic() + patience))
      kept.open += 1
      defer { kept.isRunning = true }
      return !kept.isRunning
    }
    // Forgotten meanwhile.
    if !nodes.contains(id) { forget(id) }
    // Without a thread they wait for the next.
    if starts, !StorageCore.Thread.startIfPossible("replaced", { [self] in letGoInTime() }) {
      kept.withLock { $0.isRunning = false }
    }
  }

  func forget(_ id: NodeID) {
    // Closed outside the lock.
    let orphan = kept.withLock { kept in
      let orphan = kept.all.removeValue(forKey: id)
      if case .replaced? = orphan { kept.open -= 1 }
      return orphan
    }
    _ = orphan
  }

  private func letGoInTime() {
    var isRunning = true
    while isRunning {
      _ = kept.wait(until: Clock.monotonic() + period) { _, isOver in isOver ? () : nil }
      let now = Clock.monotonic()
      let due = kept.withLock { kept in
        // Most are forgotten long before.
        let due = kept.replaced.prefix { $0.until <= now || kept.all[$0.id] == nil }
        kept.replaced.removeFirst(due.count)
        kept.isRunning = !kept.replaced.isEmpty
        isRunning = kept.isRunning
        return due
      }
      for (id, _) in due { letGo(id) }
    }
  }

  private func letGo(_ id: NodeID) {
    guard case .replaced(let file)? = self[id] else { return }
    var stat = try? Sys.stat(file)
    stat?.st_nlink = 0
    nodes.letGo(id)
    kept.withLock { kept in
      guard case .replaced? = kept.all[id] else { return }
      kept.open -= 1
      kept.all[id] = stat.map { .remembered($0) }
    }
    // Not under the lock: its space is freed by that.
    withExtendedLifetime(file) {}
  }
}
