internal import FuseKit
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// Open descriptors of the folders in use, so that an operation is a descriptor and a name.
///
/// Bounded: a folder that fell out is opened again from its parent.
final class FolderCache: Sendable {
  private let open = Mutex<[NodeID: SharedDescriptor]>([:])
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  subscript(id: NodeID) -> SharedDescriptor? { open.withLock { $0[id] } }

  func insert(_ descriptor: SharedDescriptor, for id: NodeID) {
    open.withLock { open in
      // Dropping all is rare and cheap beside keeping an order at every use.
      if open.count >= limit { open.removeAll(keepingCapacity: true) }
      open[id] = descriptor
    }
  }

  func remove(_ id: NodeID) { open.withLock { _ = $0.removeValue(forKey: id) } }
}
