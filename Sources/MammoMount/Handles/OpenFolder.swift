internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// A folder that is being listed.
///
/// First come `.`, `..` and the names that are made here or still staged, from a
/// list taken when the listing begins; then the folder in the storage root,
/// leaving out what was in that list. So a file that is published meanwhile is
/// listed once. Offsets of the second part are the file system's own, which
/// survive removals; those of the first lie in a range that no file system uses.
final class OpenFolder: Sendable {
  let node: NodeID
  let place: Place
  let identity: FileIdentity
  private let descriptor: SharedDescriptor
  let state: Mutex<State>

  struct State: Sendable {
    var stream: FolderStream
    /// The names of the first part.
    var first: [FileName] = []
    var firstSet: Set<FileName> = []
    var isFresh = true
  }

  /// Offsets of the first part start here. ext4's hashes and XFS's, tmpfs's and Btrfs's counters all stay below.
  private static let firstOffsets: UInt64 = 0x7FFF_FFFF_0000_0000

  /// How many entries of the first part lie before an offset; `nil` where it is in the second part.
  static func firstPosition(_ offset: UInt64) -> Int? {
    if offset == 0 { return 0 }
    // ext4 ends a folder with the highest offset there is.
    guard offset >= firstOffsets, offset & 0xFFFF_FFFF < 0x8000_0000 else { return nil }
    return Int(offset & 0xFFFF_FFFF)
  }

  /// The offset behind so many entries of the first part.
  static func offset(after position: Int) -> UInt64 { firstOffsets | UInt64(position) }

  /// Makes the file system below load what it is going to be asked for next, an entry with each call; false when it
  /// has. So its disk and the one who lists work at the same time.
  func readingAhead() -> () -> Bool {
    var names: ArraySlice<FileName>?
    return { [self] in
      // Whatever fails here fails again, and is reported, when it is listed.
      guard let name = names?.popFirst() else {
        guard names == nil else { return false }
        names = (try? state.withLock { try $0.stream.upcoming(OpenFolder.aheadLimit) })?[...]
        return names?.isEmpty == false
      }
      _ = try? Sys.stat(name, in: descriptor)
      return true
    }
  }

  /// About as many entries as one request with attributes takes.
  private static let aheadLimit = 200

  /// - Parameter wasRead: an earlier server has read through the descriptor.
  init(
    node: NodeID, place: Place, identity: FileIdentity, descriptor: SharedDescriptor, wasRead: Bool = false
  ) {
    self.node = node
    self.place = place
    self.identity = identity
    self.descriptor = descriptor
    state = Mutex(State(stream: FolderStream(descriptor.raw, wasRead: wasRead)))
  }
}
