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
  let state: Mutex<State>

  struct State: Sendable {
    let descriptor: SharedDescriptor
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

  /// - Parameter wasRead: an earlier server has read through the descriptor.
  init(
    node: NodeID, place: Place, identity: FileIdentity, descriptor: SharedDescriptor, wasRead: Bool = false
  ) {
    self.node = node
    self.place = place
    self.identity = identity
    state = Mutex(State(descriptor: descriptor, stream: FolderStream(descriptor.raw, wasRead: wasRead)))
  }
}
