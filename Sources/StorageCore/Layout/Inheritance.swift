internal import Glibc

/// What goes on in a storage root although the process that had it has ended: its descriptors live on, and whoever
/// had files open goes on with them.
package struct Inheritance: Sendable {
  /// The descriptor that holds the root's lock.
  package let lock: CInt
  /// The files that are open.
  package let open: Set<FileIdentity>
  /// What open chunks have of their sessions' data files.
  package let chunks: [FileName: [Range<Int64>]]

  package init(lock: CInt, open: Set<FileIdentity>, chunks: [FileName: [Range<Int64>]]) {
    self.lock = lock
    self.open = open
    self.chunks = chunks
  }
}
