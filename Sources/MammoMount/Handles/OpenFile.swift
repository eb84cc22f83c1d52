internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// A file that is open, however often: what its opens share.
final class OpenInode: Sendable {
  let identity: FileIdentity
  let node: NodeID
  /// Set at the first open and kept until the last release: the kernel allows no mix.
  let backing: Int32?
  /// Where the bytes of a chunk are; `nil` for other files.
  let chunk: ChunkFile?
  /// A chunk whose bytes were where only an earlier server could reach them: what is in its own file is not its content.
  let isLost: Bool

  /// Taken while sizes are booked and while a rename takes the file from one account to another.
  let booking: Mutex<Booking>

  struct Booking: Sendable {
    /// Bytes that the ledger has for the file.
    var size: Int64
    /// The last write that failed: a new file of which one did is not whole, until what is missing was written.
    var failure: Errno?
    /// What is missing of it. All of it where that is not known.
    var missing = IntervalSet()
    /// Somebody was told that the file is on disk: a name that it gets from now on is its own at once.
    var isSynchronized = false
    /// It was set-user-ID or set-group-ID at its first open, and nobody has written to it since.
    var hasPrivileges = false
    /// No name leads to it any more; its bytes are nobody's.
    var isUnlinked = false
    /// Nanoseconds since 1970: the file's time of modification when its size was last booked.
    var modified: Int64 = 0
    /// That time has moved since the kernel was last told to look.
    var hasNews = false
    /// It could not be written, and is just losing its name by that: nobody may open it any more.
    var isCutOff = false
    var handles: [HandleID: OpenFile] = [:]

    mutating func fail(_ error: Errno, missing bytes: Range<Int64> = 0..<Int64.max) {
      failure = error
      missing.insert(bytes)
    }

    var writers: Int { handles.values.count { $0.isWriter } }
  }

  init(
    identity: FileIdentity, node: NodeID, backing: Int32?, chunk: ChunkFile?, size: Int64, hasPrivileges: Bool,
    isLost: Bool = false
  ) {
    self.identity = identity
    self.node = node
    self.backing = backing
    self.chunk = chunk
    self.isLost = isLost
    booking = Mutex(Booking(size: size, hasPrivileges: hasPrivileges))
  }
}

extension OpenInode {
  /// Whether anybody has it open whose close has not been seen: the release comes after the close has returned.
  var isInUse: Bool {
    booking.withLock { $0.handles.values.contains { file in !file.state.withLock { $0.isClosing } } }
  }
}

/// One open of a file.
final class OpenFile: Sendable {
  let inode: OpenInode
  let descriptor: SharedDescriptor
  let isWriter: Bool
  /// It can be mapped for writing. Nobody is told of what is written by way of a mapping.
  let canBeMapped: Bool
  /// The thread that opened it.
  let opener: pid_t
  /// A cleanup is to know that it was read; see ``MountTree/noteOpening(_:_:)``. Of an open of an earlier server it does not.
  let isUse: Bool
  /// What a later server knows of it.
  let record: HandleRecords.Slot
  let state = Mutex(State())

  struct State: Sendable {
    /// The last thing seen was a close: the release is probably under way.
    var isClosing = false
    /// Its release has begun.
    var isReleasing = false
    /// A write by way of this open failed, and what it left out is missing still.
    var hasFailed = false
    /// The upload session and the chunk that is being written, until released.
    var chunk: (session: UploadSession, name: FileName)?
  }

  init(
    inode: OpenInode, descriptor: SharedDescriptor, isWriter: Bool, canBeMapped: Bool, opener: pid_t,
    record: HandleRecords.Slot, isUse: Bool = false
  ) {
    self.inode = inode
    self.descriptor = descriptor
    self.isWriter = isWriter
    self.canBeMapped = canBeMapped
    self.opener = opener
    self.isUse = isUse
    self.record = record
  }

  /// A write failed: a new file is not whole.
  ///
  /// - Parameter bytes: what was to be written; all of the file where that is not known.
  func fail(_ error: Errno, missing bytes: Range<Int64> = 0..<Int64.max) {
    state.withLock { $0.hasFailed = true }
    // Within the lock: once it has left the list, its record may be another's.
    inode.booking.withLock { booking in
      booking.fail(error, missing: bytes)
      for file in booking.handles.values { file.record.note(failure: error) }
    }
  }
}

extension OpenInode {
  /// Somebody is told that the file is on disk.
  func noteSynchronized() {
    booking.withLock { booking in
      booking.isSynchronized = true
      for file in booking.handles.values { file.record.noteSynchronized() }
    }
  }
}

extension OpenInode {
  /// What failed is forgotten, since nothing is left of what was written.
  ///
  /// - Parameter isEmpty: else nothing is, where something is missing by now.
  func succeed(isEmpty: Bool) {
    booking.withLock { booking in
      guard isEmpty || booking.missing.ranges.isEmpty else { return }
      booking.failure = nil
      booking.missing = IntervalSet()
      for file in booking.handles.values {
        file.state.withLock { $0.hasFailed = false }
        file.record.forgetFailure()
      }
    }
  }
}
