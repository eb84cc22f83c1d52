internal import CLinux
internal import FuseKit
internal import Glibc
internal import StorageCore
package import SystemPackage

/// What the next server needs of a server that died: in memory that both can reach, kept by the ``Supervisor``.
///
/// A server may be killed between any two instructions. So each record is whole by one last store, or is made whole
/// again from what was written before it (``NodeRecords``, ``RenameIntents``). What can be made again from the storage
/// root (sessions, figures, whose place is whose) is not here.
///
/// It is a sparse memory file of fixed layout: what nobody has written to takes no memory.
package final class SharedState: @unchecked Sendable {
  /// Raised with every change of the layout: a binary takes over from one with the same number only.
  package static let format: UInt64 = 6
  private static let magic: UInt64 = 0x6d61_6d6d_6f66_7331

  package enum Phase: UInt64, Sendable {
    /// The mount does not answer yet; a server that ends now has failed.
    case starting = 0
    /// A server that ends now has crashed.
    case serving
    /// Unmounted, or about to be.
    case ended
  }

  private enum Offset {
    static let magic = 0
    static let format = 8
    static let phase = 16
    static let progress = 24
    static let device = 32
    static let lock = 36
    static let agreed = 40
    static let companion = 120
    static let hasInherited = 124
    static let initializationLength = 48
    static let nextHandle = 56
    static let handleCount = 64
    static let nodeCount = 72
    static let nameCount = 80
    static let initialization = 128
    static let upgrade = 4096
    static let redo = 8192
    static let intents = 12288
    static let handles = 64 << 10
    static let requests = 100 << 20
    static let generations = 128 << 20
    static let nodes = 1 << 30
    static let names = 17 << 30
    static let changes = 21 << 30
    static let refusals = 23 << 30
    static let end = refusals + RefusalMemory.bytes
  }

  /// The memory file.
  package let descriptor: CInt
  private let base: UnsafeMutableRawPointer

  private init(_ descriptor: CInt) throws(Errno) {
    guard let base = lx_map_shared(descriptor, Offset.end) else { throw Errno(rawValue: errno) }
    self.descriptor = descriptor
    self.base = base
  }

  deinit {
    munmap(base, Offset.end)
    close(descriptor)
  }

  /// For a mount that begins. The corresponding C function is `memfd_create`.
  package convenience init() throws(Errno) {
    let descriptor = lx_memfd("mammofs-state")
    guard descriptor >= 0 else { throw Errno(rawValue: errno) }
    try self.init(descriptor)
    begin()
  }

  private func begin() {
    store(Self.magic, at: Offset.magic)
    store(Self.format, at: Offset.format)
    store(UInt64(1), at: Offset.nextHandle)
    store(CInt(-1), at: Offset.device)
    store(CInt(-1), at: Offset.lock)
    store(CInt(-1), at: Offset.companion)
  }

  /// Forgets everything: the mount begins once more. While no server runs.
  func beginAnew() throws(Errno) {
    try Sys.truncate(descriptor, to: 0)
    try Sys.truncate(descriptor, to: Int64(Offset.end))
    begin()
  }

  /// Of a mount that another binary began. Throws `EINVAL` where it is none, or of another format.
  package convenience init(inherited descriptor: CInt) throws(Errno) {
    try self.init(descriptor)
    guard load(at: Offset.magic) == Self.magic, load(at: Offset.format) == Self.format else { throw .invalidArgument }
    _ = lx_set_cloexec(descriptor)
  }

  private func load<Value: BitwiseCopyable>(at offset: Int, as type: Value.Type = UInt64.self) -> Value {
    base.load(fromByteOffset: offset, as: type)
  }

  private func store<Value: BitwiseCopyable>(_ value: Value, at offset: Int) {
    base.storeBytes(of: value, toByteOffset: offset, as: Value.self)
  }

  // MARK: The mount

  package var phase: Phase {
    get { Phase(rawValue: load(at: Offset.phase)) ?? .starting }
    set { store(newValue.rawValue, at: Offset.phase) }
  }

  /// Requests that the servers have read.
  package var requestsRead: UInt64 { load(at: Offset.progress) }
  var progress: ProgressCounter {
    ProgressCounter(base.advanced(by: Offset.progress).assumingMemoryBound(to: UInt64.self))
  }

  /// The descriptor over which the kernel asks; -1 before there is one.
  package var device: CInt { load(at: Offset.device, as: CInt.self) }

  /// Notes the descriptor as soon as there is one: whether requests wait at it is watched from then on.
  func keep(device descriptor: CInt) { store(descriptor, at: Offset.device) }

  /// A descriptor that holds the storage root's lock until nobody has this state any more; -1 before there is one.
  private(set) var lock: CInt {
    get { load(at: Offset.lock, as: CInt.self) }
    set { store(newValue, at: Offset.lock) }
  }

  /// Sets the numbers of the two descriptors aside that have to be closed last, before anything else is opened: Linux
  /// lets go of what a process had open from the highest number down. So whoever waits for the lock finds the storage
  /// root free, and `fusermount3`, which leaves a mount alone that is not quite dead when its socket ends, finds it dead.
  func setNumbersAside(forCompanion: Bool) {
    lock = (try? Sys.duplicate(descriptor)) ?? -1
    if forCompanion { companion = (try? Sys.duplicate(descriptor)) ?? -1 }
  }

  /// Holds the storage root's lock.
  func keep(lock descriptor: CInt) throws(Errno) {
    let copy = try Sys.duplicate(descriptor)
    if lock < 0 || lx_move_descriptor(copy, lock) != 0 { lock = copy }
  }

  /// Keeps the socket to `fusermount3`.
  func keep(companion descriptor: CInt) {
    if companion < 0 || lx_move_descriptor(descriptor, companion) != 0 { companion = descriptor }
  }

  /// Lets go of the storage root, of which nothing came.
  package func releaseLock() {
    guard lock >= 0 else { return }
    close(lock)
    lock = -1
  }

  /// The socket by whose end `fusermount3` knows that it is to unmount (`-o auto_unmount`); -1 where there is none.
  private(set) var companion: CInt {
    get { load(at: Offset.companion, as: CInt.self) }
    set { store(newValue, at: Offset.companion) }
  }

  /// The server has closed what nobody needs any more of the descriptors that it shares with the supervisor. Between
  /// these two only: both are of one program.
  var hasInherited: Bool {
    get { load(at: Offset.hasInherited, as: UInt32.self) != 0 }
    set { store(UInt32(newValue ? 1 : 0), at: Offset.hasInherited) }
  }

  /// What a server needs to go on with the mount.
  var continuation: Continuation? {
    get {
      let length = Int(load(at: Offset.initializationLength))
      guard length > 0, device >= 0 else { return nil }
      let bytes = UnsafeRawBufferPointer(start: base.advanced(by: Offset.initialization), count: length)
      return Continuation(descriptor: device, initialization: Array(bytes), agreed: load(at: Offset.agreed))
    }
    set {
      guard let newValue, newValue.initialization.count <= Offset.upgrade - Offset.initialization else { return }
      store(newValue.descriptor, at: Offset.device)
      store(newValue.agreed, at: Offset.agreed)
      let room = UnsafeMutableRawBufferPointer(
        start: base.advanced(by: Offset.initialization), count: newValue.initialization.count)
      room.copyBytes(from: newValue.initialization)
      store(UInt64(newValue.initialization.count), at: Offset.initializationLength)
    }
  }

  /// The program that is to take over on purpose, as an absolute path; `nil` where none is.
  package var upgrade: String? {
    get {
      let text = String(cString: base.advanced(by: Offset.upgrade).assumingMemoryBound(to: CChar.self))
      return text.isEmpty ? nil : text
    }
    set {
      let bytes = Array((newValue ?? "").utf8.prefix(Int(PATH_MAX) - 1)) + [0]
      base.advanced(by: Offset.upgrade).copyMemory(from: bytes, byteCount: bytes.count)
    }
  }

  // MARK: The tables

  /// The number of the next handle. Those of before are never given out again: a release may still be on its way.
  func takeHandleNumber() -> UInt64 {
    let number: UInt64 = load(at: Offset.nextHandle)
    store(number + 1, at: Offset.nextHandle)
    return number
  }

  private func counter(at offset: Int) -> UnsafeMutablePointer<UInt64> {
    base.advanced(by: offset).assumingMemoryBound(to: UInt64.self)
  }

  var handles: HandleRecords {
    HandleRecords(base.advanced(by: Offset.handles), count: counter(at: Offset.handleCount))
  }

  var nodes: NodeRecords {
    NodeRecords(
      records: base.advanced(by: Offset.nodes), generations: base.advanced(by: Offset.generations),
      names: base.advanced(by: Offset.names), changes: base.advanced(by: Offset.changes),
      redo: base.advanced(by: Offset.redo),
      count: counter(at: Offset.nodeCount), nameCount: counter(at: Offset.nameCount))
  }

  /// The lines of `.errors`.
  var refusals: RefusalMemory { RefusalMemory(base.advanced(by: Offset.refusals)) }

  var requests: RequestRecords { RequestRecords(base.advanced(by: Offset.requests)) }

  var intents: RenameIntents { RenameIntents(base.advanced(by: Offset.intents)) }
}
