internal import CLinux
package import Glibc
internal import Synchronization
package import SystemPackage

/// How much room the storage root has, and the one place that decides what is done where it gets scarce.
///
/// A part of it, the reserve, is kept back: who writes or makes something is refused before the disk is full, so that
/// there is room for what gives room, deletions and cleanups, and for what a completed upload has to note. It is no wall:
/// what the kernel writes by itself and what others write to the disk may use it up, and then the disk refuses.
package final class FreeSpace: Sendable {
  private let root: Root
  private let kept = Atomic<Int64>(0)
  /// When the room was last asked for (nanoseconds of the monotonic clock), and how much there was.
  private let asked = Mutex<(at: UInt64, available: Int64)>((0, 0))

  /// Bytes. With less, the server sees what is written: a write that fails for want of space must leave no file that
  /// looks whole, and the kernel does not tell which of its own failed.
  private static let scarce: Int64 = 256 << 20
  /// Bytes. With more, a file that is opened now is mostly closed before the disk is full.
  private static let plenty: Int64 = 1 << 30
  /// Bytes free on a disk on which a write of any size may have failed.
  private static let full: Int64 = 1 << 20
  /// Nanoseconds for which plenty is taken for granted.
  private static let askingAgain: UInt64 = 50_000_000

  /// The file system keeps blocks for root, as ext4 and F2FS can.
  private let keepsForRoot: Bool

  init(_ root: Root) {
    self.root = root
    let type = lx_filesystem_type(root.descriptor)
    keepsForRoot = geteuid() == 0 && (type == lx_EXT4_MAGIC || type == lx_F2FS_MAGIC)
  }

  /// Hands a file on to whoever will write to it with the rights that this thread has now. They are of a user for whom the
  /// disk keeps nothing: where `df` says that it is full, it is.
  ///
  /// That costs four system calls of some microseconds each. Where there is plenty of room, a file that is open for a short
  /// time is spared them.
  ///
  /// - Parameter isBrief: the file is closed soon, as an image is, other than a database.
  package func withoutReserve<Result>(
    isBrief: Bool, _ handOn: () throws(Errno) -> Result
  ) throws(Errno) -> Result {
    guard keepsForRoot, !isBrief || room() < Self.plenty else { return try handOn() }
    lx_leave_reserve()
    defer { lx_return_to_reserve() }
    return try handOn()
  }

  /// Bytes that are kept back.
  package var reserve: Int64 {
    get { kept.load(ordering: .relaxed) }
    set { kept.store(max(newValue, 0), ordering: .relaxed) }
  }

  /// The reserve where nobody asks for another: 64 MiB, and of a small disk a hundredth.
  package func usualReserve() throws(Errno) -> Int64 {
    let figures = try Sys.fileSystem(of: root.descriptor)
    return min(64 << 20, figures.bytes(figures.f_blocks) / 100)
  }

  /// What `statvfs` says, with the reserve not available.
  package func figures() throws(Errno) -> statvfs {
    var figures = try Sys.fileSystem(of: root.descriptor)
    let blocks = UInt64(reserve) / max(UInt64(figures.f_frsize), 1)
    let available = UInt64(figures.f_bavail)
    figures.f_bavail = fsblkcnt_t(available > blocks ? available - blocks : 0)
    return figures
  }

  /// Bytes of the whole file system; 0 where it does not tell.
  package func size() throws(StorageError) -> Int64 {
    try StorageError.wrap("asking for free space") { () throws(Errno) in
      let figures = try Sys.fileSystem(of: root.descriptor)
      return figures.bytes(figures.f_blocks)
    }
  }

  /// Bytes that can still be written.
  package func available() throws(Errno) -> Int64 {
    let figures = try figures()
    return figures.bytes(figures.f_bavail)
  }

  /// Bytes that are free, the reserve and what is kept for root among them.
  func free() throws(Errno) -> Int64 {
    let figures = try Sys.fileSystem(of: root.descriptor)
    return figures.bytes(figures.f_bfree)
  }

  /// Whether room is, or was a moment ago, so short that writes may fail.
  package func isScarce() -> Bool { room() < Self.scarce }

  /// Whether what was written to a file a moment ago may have found no room, whoever wrote it.
  package func isUsedUp(below file: borrowing some DescriptorReference & ~Copyable) throws(Errno) -> Bool {
    guard isScarce() else { return false }
    let figures = try Sys.fileSystem(of: file)
    // What is kept for root is for nobody here; see ``withoutReserve(_:)``.
    return figures.bytes(figures.f_bavail) < Self.full
  }

  /// Refuses what would take `bytes`, or something small, out of the reserve.
  package func admit(_ bytes: Int64 = 0) throws(StorageError) {
    let room = room()
    guard room <= 0 || room < bytes else { return }
    // The disk may have more, which it keeps for root, as whom this server writes.
    guard reserve > 0 else { throw .system(.noSpace, doing: "what is left of the disk is not for files") }
    throw .reserveReached(kept: reserve)
  }

  /// Bytes, `max` where nobody can tell. Asked for each time where it is scarce, so that no more is given than there is.
  private func room() -> Int64 {
    let before = asked.withLock { $0 }
    // Not sooner: another thread's moment is not to lie after this one.
    let now = Clock.monotonic()
    if before.at != 0, now - before.at <= Self.askingAgain, before.available >= Self.scarce { return before.available }
    // A file system that does not tell its size has none that could be used up.
    let available = (try? figures()).flatMap { $0.f_blocks > 0 ? $0.bytes($0.f_bavail) : nil } ?? .max
    asked.withLock { $0 = (now, available) }
    return available
  }
}

extension statvfs {
  /// Nothing can be written there.
  package var isReadOnly: Bool { f_flag & UInt(ST_RDONLY) != 0 }

  /// So many of its blocks in bytes. Some file systems say of themselves that they have more than can be counted.
  package func bytes(_ blocks: fsblkcnt_t) -> Int64 {
    let (bytes, isTooMany) = UInt64(blocks).multipliedReportingOverflow(by: UInt64(f_frsize))
    return isTooMany ? .max : Int64(clamping: bytes)
  }
}
