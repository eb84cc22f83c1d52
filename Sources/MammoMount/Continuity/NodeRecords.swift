internal import CLinux
internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization

/// The nodes as the next server finds them: a record each in shared memory, by slot.
///
/// A record is whole once its state says so. Its name and parent change together: what they become is written down
/// first, and applied again by a server that finds it (``recover()``).
struct NodeRecords: @unchecked Sendable {
  enum State: UInt8 {
    case free, used
    /// Its file has no name any more.
    case orphan
  }

  struct Record {
    var state: UInt8
    var place: UInt8
    var nameLength: UInt16
    /// Made again by the next server.
    var children: UInt32
    var lookups: UInt64
    var parent: UInt64
    var inode: UInt64
    /// Its lower half: the kernel's own device numbers have no more, and those made here (``FileIdentity``) count down
    /// from the highest.
    var device: UInt32
    /// Not 0 where the node has a ``ChangeTime``.
    var hidesChange: UInt16
    /// Not 0 where the file was made by `mknod` and nobody has opened it for writing since.
    var isUnopened: UInt16
    /// The cell of a name that is too long for the record, counted from 1.
    var cell: UInt32
    /// The descriptor of a file that was replaced and can still be opened, counted from 1.
    var left: UInt32
  }

  static let limit = 1 << 27
  private static let stride = 128
  private static let nameOffset = 48
  private static let shortName = stride - nameOffset
  private static let cellSize = 256
  /// Slots in a page of memory.
  static let slotsPerPage = 4096 / stride

  private let records: UnsafeMutableRawPointer
  private let generations: UnsafeMutablePointer<UInt32>
  private let names: UnsafeMutableRawPointer
  private let changes: UnsafeMutablePointer<ChangeTime>
  private let redo: UnsafeMutableRawPointer
  private let slotCount: UnsafeMutablePointer<UInt64>
  private let cellCount: UnsafeMutablePointer<UInt64>

  init(
    records: UnsafeMutableRawPointer, generations: UnsafeMutableRawPointer, names: UnsafeMutableRawPointer,
    changes: UnsafeMutableRawPointer, redo: UnsafeMutableRawPointer, count: UnsafeMutablePointer<UInt64>,
    nameCount: UnsafeMutablePointer<UInt64>
  ) {
    self.records = records
    self.generations = generations.assumingMemoryBound(to: UInt32.self)
    self.names = names
    self.changes = changes.assumingMemoryBound(to: ChangeTime.self)
    self.redo = redo
    slotCount = count
    cellCount = nameCount
  }

  subscript(slot: Int) -> Record {
    get { pointer(slot).pointee }
    nonmutating _modify { yield &pointer(slot).pointee }
  }

  private func pointer(_ slot: Int) -> UnsafeMutablePointer<Record> {
    records.advanced(by: slot * Self.stride).assumingMemoryBound(to: Record.self)
  }

  /// How many slots were ever used.
  var count: Int { Int(slotCount.pointee) }

  /// How often a slot was used. Kept apart, so that it outlasts the record's page.
  func generation(_ slot: Int) -> UInt32 { generations[slot] }

  func isUsed(_ slot: Int) -> Bool { slot >= 0 && slot < count && self[slot].state != State.free.rawValue }

  func isOrphan(_ slot: Int) -> Bool { self[slot].state == State.orphan.rawValue }

  func identity(_ slot: Int) -> FileIdentity {
    Self.identity(self[slot])
  }

  private static func identity(_ record: Record) -> FileIdentity {
    let isOurs = record.device > .max - 256
    return FileIdentity(
      device: UInt64(record.device) | (isOurs ? UInt64(UInt32.max) << 32 : 0), inode: record.inode)
  }

  func setIdentity(_ slot: Int, _ identity: FileIdentity) {
    self[slot].device = UInt32(truncatingIfNeeded: identity.device)
    self[slot].inode = identity.inode
  }

  func node(_ slot: Int) -> Node {
    let record = self[slot]
    return Node(
      place: Place(code: record.place) ?? .root, parent: NodeID(rawValue: record.parent), name: name(slot),
      identity: Self.identity(record))
  }

  // MARK: Names

  /// With its closing zero.
  private func nameBytes(_ slot: Int) -> UnsafeRawBufferPointer {
    let record = pointer(slot)
    let start =
      record.pointee.cell == 0
      ? UnsafeRawPointer(record).advanced(by: Self.nameOffset)
      : UnsafeRawPointer(names).advanced(by: (Int(record.pointee.cell) - 1) * Self.cellSize)
    return UnsafeRawBufferPointer(start: start, count: Int(record.pointee.nameLength))
  }

  func name(_ slot: Int) -> FileName { FileName(nulTerminated: Array(nameBytes(slot))) }

  func hasName(_ slot: Int, _ name: FileName) -> Bool {
    let mine = nameBytes(slot)
    return name.nulTerminated.withUnsafeBytes { other in
      guard other.count == mine.count, let left = other.baseAddress, let right = mine.baseAddress else { return false }
      return memcmp(left, right, mine.count) == 0
    }
  }

  private func setName(_ bytes: UnsafeRawBufferPointer, of slot: Int, _ cells: inout NameCells) {
    let record = pointer(slot)
    let old = record.pointee.cell
    if bytes.count <= Self.shortName {
      UnsafeMutableRawPointer(record).advanced(by: Self.nameOffset)
        .copyMemory(from: bytes.baseAddress.unsafelyUnwrapped, byteCount: bytes.count)
      record.pointee.cell = 0
    } else {
      let cell = cells.take(cellCount)
      names.advanced(by: (Int(cell) - 1) * Self.cellSize)
        .copyMemory(from: bytes.baseAddress.unsafelyUnwrapped, byteCount: bytes.count)
      record.pointee.cell = cell
    }
    record.pointee.nameLength = UInt16(bytes.count)
    if old != 0 { cells.free.append(old) }
  }

  // MARK: Changes

  /// A node in a free slot.
  func begin(_ node: Node, in slot: Int, _ cells: inout NameCells) {
    if slot >= count { slotCount.pointee = UInt64(slot) + 1 }
    // Counted before the slot is in use: a number that was perhaps seen is never another node's.
    if slot > 0 { generations[slot] &+= 1 }
    self[slot] = Record(
      state: State.free.rawValue, place: node.place.code, nameLength: 0, children: 0, lookups: 1,
      parent: node.parent.rawValue, inode: node.identity.inode,
      device: UInt32(truncatingIfNeeded: node.identity.device), hidesChange: 0, isUnopened: 0, cell: 0,
      left: 0)
    node.name.nulTerminated.withUnsafeBytes { setName($0, of: slot, &cells) }
    atomicMemoryFence(ordering: .releasing)
    self[slot].state = State.used.rawValue
  }

  func end(_ slot: Int, _ cells: inout NameCells) {
    self[slot].state = State.free.rawValue
    atomicMemoryFence(ordering: .releasing)
    if self[slot].cell != 0 { cells.free.append(self[slot].cell) }
  }

  /// - Parameter left: a descriptor by which the next server, too, can open it.
  func orphan(_ slot: Int, left: CInt? = nil) {
    self[slot].left = left.map { UInt32($0) + 1 } ?? 0
    atomicMemoryFence(ordering: .releasing)
    self[slot].state = State.orphan.rawValue
  }

  /// What is left of files without a name that can still be opened.
  var left: [(slot: Int, descriptor: CInt)] {
    (0..<count).lazy.filter { isOrphan($0) && self[$0].left != 0 }.map { ($0, CInt(self[$0].left) - 1) }
  }

  /// A node's file has another name: as if at once, whenever the server ends.
  func move(_ slot: Int, to parent: NodeID, _ name: FileName, _ place: Place, _ cells: inout NameCells) {
    let header = redo.assumingMemoryBound(to: Redo.self)
    header.pointee = Redo(
      slot: 0, parent: parent.rawValue, place: place.code, nameLength: UInt16(name.nulTerminated.count))
    name.nulTerminated.withUnsafeBytes {
      redo.advanced(by: 32).copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count)
    }
    atomicMemoryFence(ordering: .releasing)
    header.pointee.slot = UInt64(slot) + 1
    atomicMemoryFence(ordering: .releasing)
    apply(&cells)
  }

  private struct Redo {
    /// Counted from 1; 0 where there is nothing to apply.
    var slot: UInt64
    var parent: UInt64
    var place: UInt8
    var nameLength: UInt16
  }

  private func apply(_ cells: inout NameCells) {
    let header = redo.assumingMemoryBound(to: Redo.self)
    let slot = Int(header.pointee.slot) - 1
    guard slot >= 0 else { return }
    setName(
      UnsafeRawBufferPointer(start: redo.advanced(by: 32), count: Int(header.pointee.nameLength)), of: slot, &cells)
    self[slot].parent = header.pointee.parent
    self[slot].place = header.pointee.place
    atomicMemoryFence(ordering: .releasing)
    header.pointee.slot = 0
  }

  /// Brings the records in order after a server has ended anywhere, and counts again what is not kept.
  ///
  /// - Returns: the cells of long names that are free.
  func recover() -> NameCells {
    var cells = NameCells()
    var taken = Set<UInt32>()
    for slot in 0..<count where isUsed(slot) {
      self[slot].children = 0
      if self[slot].cell != 0 { taken.insert(self[slot].cell) }
    }
    if cellCount.pointee > 0 { cells.free = (1...UInt32(cellCount.pointee)).filter { !taken.contains($0) } }
    apply(&cells)
    for slot in 1..<max(1, count) where isUsed(slot) {
      // A server of another version may have taken the name for an image's.
      if let place = Place(code: self[slot].place), case .image(let area) = place, NameRules.isWorkName(name(slot)) {
        self[slot].place = Place.work(area).code
      }
      let parent = NodeID(rawValue: self[slot].parent).slot
      if isUsed(parent) { self[parent].children += 1 }
    }
    return cells
  }

  // MARK: The time of change

  /// A time of change that the service's own work has moved, and the one that the mount shows instead.
  struct ChangeTime {
    /// Nanoseconds since 1970, as the storage root has it; ``underWay`` while the service works on the file.
    var real: Int64
    /// Nanoseconds since 1970.
    var shown: Int64

    static let underWay = Int64.min
  }

  /// What is shown where the storage root says `real`; `nil` is that.
  func shownChange(_ slot: Int, at real: Int64) -> Int64? {
    guard self[slot].hidesChange != 0 else { return nil }
    let change = changes[slot]
    // Whoever asked in the middle of the work has a time from in between.
    if change.real == ChangeTime.underWay { return change.shown }
    // Where the clock was set back meanwhile, nothing is hidden.
    return change.shown <= real && real <= change.real ? change.shown : nil
  }

  /// From here on the file's time of change shows as it does now, whatever it is.
  func hideChange(_ slot: Int, from real: Int64) {
    let shown = shownChange(slot, at: real) ?? real
    self[slot].hidesChange = 0
    atomicMemoryFence(ordering: .releasing)
    changes[slot] = ChangeTime(real: ChangeTime.underWay, shown: shown)
    atomicMemoryFence(ordering: .releasing)
    self[slot].hidesChange = 1
  }

  /// The time of change is `real` by the service's own work.
  func changeIsHidden(_ slot: Int, at real: Int64) {
    if self[slot].hidesChange != 0 { changes[slot].real = real }
  }

  /// Somebody else changes the file: from here on its time of change shows as it is.
  func showChange(_ slot: Int) { self[slot].hidesChange = 0 }

  func isHidingChange(_ slot: Int) -> Bool {
    self[slot].hidesChange != 0 && changes[slot].real == ChangeTime.underWay
  }

  /// Gives the page of a slot back where none of its slots is in use.
  func releasePage(of slot: Int) {
    let first = slot / Self.slotsPerPage * Self.slotsPerPage
    guard (first..<first + Self.slotsPerPage).allSatisfy({ !isUsed($0) }) else { return }
    // Where the kernel cannot, the memory stays.
    _ = lx_remove_pages(pointer(first), 4096)
  }
}

/// Which cells of long names are free.
struct NameCells: Sendable {
  var free: [UInt32] = []

  fileprivate mutating func take(_ count: UnsafeMutablePointer<UInt64>) -> UInt32 {
    if let cell = free.popLast() { return cell }
    count.pointee += 1
    return UInt32(count.pointee)
  }
}

/// The slot, counted from 1 as the kernel wants it, in the lower half; how often the slot was used in the upper.
extension NodeID {
  var slot: Int { Int(rawValue & 0xFFFF_FFFF) - 1 }
  var generation: UInt32 { UInt32(rawValue >> 32) }
  init(slot: Int, generation: UInt32) {
    self.init(rawValue: UInt64(generation) << 32 | UInt64(slot + 1))
  }
}
