package import FuseKit
internal import Glibc
package import Logging
package import StorageCore
internal import Synchronization
internal import SystemPackage

/// The tree of a storage as a file system: joins FuseKit's requests with StorageCore.
///
/// Each request finds its node, switches over the node's ``Place``, and does its
/// work through descriptors and names. `Tree/` has a file per group of requests.
///
/// The order of locks is in `docs/architecture.md`. No lock is held while a reply is made.
package final class MountTree: FileSystem {
  package let storage: Storage
  let nodes: NodeTable
  let handles: HandleTable
  let renames: RenameLog
  let journal: RequestJournal
  let folders: FolderCache
  let markers = MarkerDrafts()
  let processes = ProcessViews()
  let policy = CachePolicy()
  let dataPath: DataPath
  /// What new files belong to if nothing is done about it.
  let process = Owner.ofThisProcess
  let logger: Logger
  private let connection = Mutex<KernelNotifier?>(nil)
  let orphans: Orphans
  private let onReady: @Sendable () -> Void

  /// - Parameters:
  ///   - storage: initialized.
  ///   - state: what outlives this server, or what an earlier one left there.
  ///   - descriptorLimit: how many descriptors the process may have.
  ///   - onReady: called once, when the kernel has connected.
  package init(
    storage: Storage, state: SharedState, descriptorLimit: Int, logger: Logger,
    onReady: @escaping @Sendable () -> Void = {}
  ) throws(StorageError) {
    self.storage = storage
    self.logger = logger
    self.onReady = onReady
    dataPath = DataPath(logger: logger, freeSpace: storage.freeSpace)
    folders = FolderCache(limit: min(max(descriptorLimit / 4, 16), 16384))
    let identity = try StorageError.wrap("opening the storage root") { () throws(Errno) in
      FileIdentity(try Sys.stat(storage.root.descriptor))
    }
    nodes = NodeTable(state.nodes, root: identity)
    orphans = Orphans(nodes, in: state)
    handles = HandleTable(state)
    renames = RenameLog(state.intents)
    journal = RequestJournal(state.requests)
    storage.observer = self
    storage.openFiles = self
  }

  var notifier: KernelNotifier? { connection.withLock { $0 } }

  package func mounted(_ notifier: KernelNotifier) {
    connection.withLock { $0 = notifier }
    storage.tellPutBack()
    onReady()
  }

  package func unmounted() { connection.withLock { $0 = nil } }
}
