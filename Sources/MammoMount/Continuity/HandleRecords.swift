internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// What of an open file outlives the server. Its descriptor does by itself, in the table that the supervisor shares.
struct HandleRecord {
  enum Kind: UInt8 {
    case file = 1
    case folder, snapshot, marker
  }

  /// The handle's number; 0 where the record is free. Stored last.
  fileprivate(set) var id: UInt64 = 0
  /// The request that opened it: whether its reply was sent nobody can know, and it comes again.
  var request: UInt64
  /// The node; for a marker, the session's folder.
  var node: UInt64
  /// -1 where there is none.
  var descriptor: CInt
  var opener: pid_t = 0
  /// 0 where the server moves the bytes.
  var backing: Int32 = 0
  /// The first write that failed, or 0; of a marker, why it was refused.
  var failure: CInt = 0
  var user: uid_t = 0
  var group: gid_t = 0
  var kind: UInt8
  var isWriter = false
  /// Of a marker, that it was closed once.
  var isClosing = false
  /// A marker that completes nothing any more.
  var isDead = false
  /// Somebody was told that the file is on disk.
  var isSynchronized = false

  init(_ kind: Kind, node: NodeID, request: RequestNumber, descriptor: CInt) {
    self.kind = kind.rawValue
    self.node = node.rawValue
    self.request = request.original.rawValue
    self.descriptor = descriptor
  }
}

/// The records of all open files, in shared memory.
struct HandleRecords: @unchecked Sendable {
  static let limit = 1 << 20
  private static let stride = 64
  private let base: UnsafeMutableRawPointer
  /// How many slots were ever used.
  private let count: UnsafeMutablePointer<UInt64>

  init(_ base: UnsafeMutableRawPointer, count: UnsafeMutablePointer<UInt64>) {
    self.base = base
    self.count = count
  }

  /// One of them.
  struct Slot: Sendable {
    let records: HandleRecords
    let index: Int

    /// Notes the first write that failed.
    func note(failure: Errno) {
      if records[index].failure == 0 { records[index].failure = failure.rawValue }
    }

    func forgetFailure() { records[index].failure = 0 }

    /// - Parameter failure: why a marker was refused; `nil` where it was not.
    func noteDead(_ failure: Errno? = nil) {
      if let failure { records[index].failure = failure.rawValue }
      // The reason comes first, or the next server took a refused marker for one that has done its work.
      atomicMemoryFence(ordering: .releasing)
      records[index].isDead = true
    }

    func noteSynchronized() { records[index].isSynchronized = true }

    func note(isClosing: Bool) { records[index].isClosing = isClosing }
  }

  private func record(_ slot: Int) -> UnsafeMutablePointer<HandleRecord> {
    base.advanced(by: slot * Self.stride).assumingMemoryBound(to: HandleRecord.self)
  }

  subscript(slot: Int) -> HandleRecord {
    get { record(slot).pointee }
    nonmutating _modify { yield &record(slot).pointee }
  }

  /// Writes a record, which counts once its number is there.
  func begin(_ record: HandleRecord, in slot: Int, as id: HandleID) {
    if slot >= Int(count.pointee) { count.pointee = UInt64(slot) + 1 }
    self[slot] = record
    atomicMemoryFence(ordering: .releasing)
    self[slot].id = id.rawValue
  }

  func end(_ slot: Int) {
    self[slot].id = 0
    atomicMemoryFence(ordering: .releasing)
  }

  var slots: Range<Int> { 0..<Int(count.pointee) }

  /// What was open when the last server ended.
  var inUse: [(slot: Int, record: HandleRecord)] {
    slots.compactMap { slot in self[slot].id == 0 ? nil : (slot, self[slot]) }
  }
}
