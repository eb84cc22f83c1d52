internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization

/// What a rename is about to do, written down before it is done: it is the one request of which a later server could
/// not tell from the storage root alone whether it was carried out, and the nodes below a folder depend on the answer.
struct RenameIntent {
  struct Side {
    let parent: NodeID
    let name: FileName
  }

  let request: RequestNumber
  let source: Side
  let target: Side
  let place: Place
  /// What had the name `source`.
  let identity: FileIdentity
  /// What had the name `target`, where the two are exchanged.
  let exchanged: (identity: FileIdentity, place: Place)?
  /// It was carried out, and the nodes know; whether its reply was sent is not known.
  var isDone = false
}

/// The renames under way, and those done last, in shared memory.
struct RenameIntents: @unchecked Sendable {
  private struct Cell {
    /// The request's number; 0 where the cell is free. Stored last.
    var request: UInt64
    var source: UInt64
    var target: UInt64
    var device: UInt64
    var inode: UInt64
    var exchangedDevice: UInt64
    var exchangedInode: UInt64
    var place: UInt8
    var exchangedPlace: UInt8
    var sourceLength: UInt16
    var targetLength: UInt16
    var isDone = false
  }

  private static let stride = 640
  private static let nameOffset = 96
  static let limit = 64
  private let base: UnsafeMutableRawPointer

  init(_ base: UnsafeMutableRawPointer) { self.base = base }

  private func cell(_ slot: Int) -> UnsafeMutablePointer<Cell> {
    base.advanced(by: slot * Self.stride).assumingMemoryBound(to: Cell.self)
  }

  private func names(_ slot: Int) -> UnsafeMutableRawPointer {
    base.advanced(by: slot * Self.stride + Self.nameOffset)
  }

  func begin(_ intent: RenameIntent, in slot: Int) {
    end(slot)
    atomicMemoryFence(ordering: .releasing)
    cell(slot).pointee = Cell(
      request: 0, source: intent.source.parent.rawValue, target: intent.target.parent.rawValue,
      device: intent.identity.device, inode: intent.identity.inode,
      exchangedDevice: intent.exchanged?.identity.device ?? 0, exchangedInode: intent.exchanged?.identity.inode ?? 0,
      place: intent.place.code, exchangedPlace: intent.exchanged?.place.code ?? 0,
      sourceLength: UInt16(intent.source.name.nulTerminated.count),
      targetLength: UInt16(intent.target.name.nulTerminated.count))
    for (name, offset) in [(intent.source.name, 0), (intent.target.name, 256)] {
      name.nulTerminated.withUnsafeBytes {
        names(slot).advanced(by: offset).copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count)
      }
    }
    atomicMemoryFence(ordering: .releasing)
    cell(slot).pointee.request = intent.request.original.rawValue
    atomicMemoryFence(ordering: .releasing)
  }

  /// The rename is done, and its cell stays until it is needed for another.
  func finish(_ slot: Int) {
    atomicMemoryFence(ordering: .releasing)
    cell(slot).pointee.isDone = true
  }

  /// The rename was refused, or its cell is needed.
  func end(_ slot: Int) {
    atomicMemoryFence(ordering: .releasing)
    cell(slot).pointee.request = 0
  }

  /// What was under way, or just done, when the last server ended.
  var all: [(slot: Int, intent: RenameIntent)] {
    (0..<Self.limit).compactMap { slot in
      let cell = cell(slot).pointee
      guard cell.request != 0, let place = Place(code: cell.place) else { return nil }
      func name(_ offset: Int, _ length: UInt16) -> FileName {
        FileName(
          nulTerminated: Array(UnsafeRawBufferPointer(start: names(slot).advanced(by: offset), count: Int(length))))
      }
      let intent = RenameIntent(
        request: RequestNumber(rawValue: cell.request),
        source: RenameIntent.Side(parent: NodeID(rawValue: cell.source), name: name(0, cell.sourceLength)),
        target: RenameIntent.Side(parent: NodeID(rawValue: cell.target), name: name(256, cell.targetLength)),
        place: place, identity: FileIdentity(device: cell.device, inode: cell.inode),
        exchanged: Place(code: cell.exchangedPlace).map {
          (FileIdentity(device: cell.exchangedDevice, inode: cell.exchangedInode), $0)
        },
        isDone: cell.isDone)
      return (slot, intent)
    }
  }

  /// The cells, those first that say nothing, then those of the oldest renames.
  var cells: [Int] { (0..<Self.limit).sorted { cell($0).pointee.request < cell($1).pointee.request } }
}

/// The renames under way, and those of an earlier server that it had carried out.
final class RenameLog: Sendable {
  private struct Log {
    /// Cells, the longest done first: until its reply is sent, a rename has to stay on record.
    var free: [Int]
    var done: Set<RequestNumber> = []
  }

  private let intents: RenameIntents
  private let log: Mutex<Log>

  init(_ intents: RenameIntents) {
    self.intents = intents
    log = Mutex(Log(free: intents.cells))
  }

  /// Does what `intent` says, on record. With more renames at a time than there are cells, one is not on record.
  func recording<Result>(_ intent: RenameIntent, _ body: () throws -> Result) rethrows -> Result {
    guard let slot = log.withLock({ $0.free.isEmpty ? nil : $0.free.removeFirst() }) else { return try body() }
    intents.begin(intent, in: slot)
    defer { log.withLock { $0.free.append(slot) } }
    do {
      let result = try body()
      intents.finish(slot)
      return result
    } catch {
      intents.end(slot)
      throw error
    }
  }

  /// A rename of an earlier server was carried out; it is asked for again.
  func noteDone(_ request: RequestNumber) { log.withLock { _ = $0.done.insert(request.original) } }

  /// Whether a request was carried out by an earlier server.
  func wasDone(_ request: RequestNumber) -> Bool {
    request.isResent && log.withLock { $0.done.remove(request.original) != nil }
  }
}
