internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization

/// The record of one request that a later server could not do again: it would meet its own effect.
struct RequestRecord {
  enum State: UInt8 {
    /// Whether the change was made is not known; what had been there before it is.
    case begun = 1
    case done
  }

  var request: RequestNumber
  var state: State
  /// What the request was about to remove.
  var removed: FileIdentity?
  /// What its caller was to be told, where that is a number.
  var result: Int64 = 0
}

/// The records in shared memory: a cell for each worker, which serves one request at a time. So the record of a request
/// stays until its reply was sent.
struct RequestRecords: @unchecked Sendable {
  private struct Cell {
    /// The request's number; 0 where the cell is free. Stored last.
    var request: UInt64
    var device: UInt64
    var inode: UInt64
    var result: Int64
    var state: UInt8
    var isRemoval: Bool
  }

  static let limit = 1 << 10
  private static let stride = 64
  private let base: UnsafeMutableRawPointer

  init(_ base: UnsafeMutableRawPointer) { self.base = base }

  private func cell(_ slot: Int) -> UnsafeMutablePointer<Cell> {
    base.advanced(by: slot * Self.stride).assumingMemoryBound(to: Cell.self)
  }

  func begin(_ request: RequestNumber, _ state: RequestRecord.State, in slot: Int) {
    end(slot)
    cell(slot).pointee = Cell(
      request: 0, device: 0, inode: 0, result: 0, state: state.rawValue, isRemoval: false)
    atomicMemoryFence(ordering: .releasing)
    cell(slot).pointee.request = request.original.rawValue
    atomicMemoryFence(ordering: .releasing)
  }

  /// From here on the record tells by what is there whether the change was made.
  func note(removing file: FileIdentity, in slot: Int) {
    cell(slot).pointee.device = file.device
    cell(slot).pointee.inode = file.inode
    atomicMemoryFence(ordering: .releasing)
    cell(slot).pointee.isRemoval = true
    atomicMemoryFence(ordering: .releasing)
  }

  func finish(_ slot: Int, _ result: Int64) {
    cell(slot).pointee.result = result
    atomicMemoryFence(ordering: .releasing)
    cell(slot).pointee.state = RequestRecord.State.done.rawValue
    atomicMemoryFence(ordering: .releasing)
  }

  /// The request was refused, or its cell is needed.
  func end(_ slot: Int) {
    cell(slot).pointee.request = 0
    atomicMemoryFence(ordering: .releasing)
  }

  /// What was under way, or done last, when the last server ended.
  var all: [RequestRecord] {
    (0..<Self.limit).compactMap { slot in
      let cell = cell(slot).pointee
      guard cell.request != 0, let state = RequestRecord.State(rawValue: cell.state) else { return nil }
      return RequestRecord(
        request: RequestNumber(rawValue: cell.request), state: state,
        removed: cell.isRemoval ? FileIdentity(device: cell.device, inode: cell.inode) : nil, result: cell.result)
    }
  }

  /// The cells, those first that say nothing, then those of the oldest requests.
  var cells: [Int] { (0..<Self.limit).sorted { cell($0).pointee.request < cell($1).pointee.request } }
}

/// Which requests earlier servers had carried out, and the records of those that this server carries out.
///
/// Written by stores to memory only: a request pays nothing else for its record.
final class RequestJournal: Sendable {
  private let records: RequestRecords
  /// The cell of each worker. Those of earlier servers are the last to be used again: what they say holds until their
  /// requests have come again and were answered.
  private let cells: [Int]
  private let earlier: [RequestNumber: RequestRecord]

  init(_ records: RequestRecords) {
    self.records = records
    cells = records.cells
    // A request may be on record twice, where two servers have died of it.
    earlier = Dictionary(records.all.map { ($0.request, $0) }) { $0.state == .done ? $0 : $1 }
  }

  /// What an earlier server has noted of a request that comes again; `nil` where that server did not come to it, or
  /// refused it.
  func record(of request: RequestNumber) -> RequestRecord? { request.isResent ? earlier[request.original] : nil }

  /// Makes the change that a request asks for, on record, unless an earlier server did.
  ///
  /// - Parameter body: makes the change. It is told whether an earlier server may have made the change, and returns
  ///   what the caller is to be told.
  /// - Returns: what the caller is to be told, and whether `body` was run.
  @discardableResult
  func once<Failure>(
    _ caller: Caller, _ body: (_ isAgain: Bool) throws(Failure) -> Int64
  ) throws(Failure) -> (result: Int64, isNew: Bool) {
    let before = record(of: caller.request)
    if let before, before.state == .done { return (before.result, false) }
    let result = try recording(caller) { () throws(Failure) in
      try body(before != nil)
    } result: {
      $0
    }
    return (result, true)
  }

  /// Makes a change on record, whatever earlier servers did.
  ///
  /// - Parameter result: what the caller is to be told, where that is a number.
  func recording<Result, Failure>(
    _ caller: Caller, _ body: () throws(Failure) -> Result, result: (Result) -> Int64 = { _ in 0 }
  ) throws(Failure) -> Result {
    // With more threads than cells, what some of them do is not on record.
    guard caller.worker < cells.count else { return try body() }
    let slot = cells[caller.worker]
    records.begin(caller.request, .begun, in: slot)
    do throws(Failure) {
      let made = try body()
      records.finish(slot, result(made))
      return made
    } catch {
      records.end(slot)
      throw error
    }
  }

  /// What a recorded request is just about to remove. Its caller holds the folder's lock from here on until the
  /// request is recorded as done: so a later server that finds the file finds that it was not removed.
  func willRemove(_ file: FileIdentity, _ caller: Caller) {
    guard caller.worker < cells.count else { return }
    records.note(removing: file, in: cells[caller.worker])
  }

  /// A request was found to be done; a later server is to find the same.
  func noteDone(_ caller: Caller) {
    guard caller.worker < cells.count else { return }
    records.begin(caller.request, .done, in: cells[caller.worker])
  }
}
