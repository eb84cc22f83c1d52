package import Glibc
internal import Synchronization

/// Files that a power cut tore and that have their final names still, because nothing can be changed in the storage root:
/// they do not show.
package final class TornFiles: Sendable {
  private let files = Mutex<Set<FileIdentity>>([])
  private let hasAny = Atomic(false)

  func note(_ found: Set<FileIdentity>) {
    files.withLock { $0 = found }
    hasAny.store(!found.isEmpty, ordering: .releasing)
  }

  /// Asked for each file that is looked at; mostly there are none.
  package func has(_ stat: stat) -> Bool {
    hasAny.load(ordering: .acquiring) && files.withLock { $0.contains(FileIdentity(stat)) }
  }
}
