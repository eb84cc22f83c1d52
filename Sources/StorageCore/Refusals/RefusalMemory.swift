internal import Synchronization

/// The last lines of a ``RefusalLog`` in memory that outlives the process, for the one that goes on with its work.
///
/// The memory is all zeros at first. A process may be killed between any two instructions: a line is there from the
/// last store on, that of its number, and until then neither it nor the one that it replaces is.
package struct RefusalMemory: @unchecked Sendable {
  private static let lineBytes = 2048
  private static let header = 16

  /// How many lines there is room for.
  package static let lines = 1000
  /// How much memory that takes.
  package static let bytes = lines * lineBytes

  private let base: UnsafeMutableRawPointer

  /// - Parameter base: ``bytes`` bytes, aligned to 8.
  package init(_ base: UnsafeMutableRawPointer) { self.base = base }

  /// Keeps the line with the number `number`, from 1 on, in place of the one that came ``lines`` before it. Of a very
  /// long one the end is left out.
  func put(_ line: String, number: UInt64) {
    let slot = base.advanced(by: Int(number % UInt64(Self.lines)) * Self.lineBytes)
    let text = line.utf8.prefix(Self.lineBytes - Self.header)
    slot.storeBytes(of: 0, as: UInt64.self)
    atomicMemoryFence(ordering: .acquiringAndReleasing)
    slot.storeBytes(of: UInt64(text.count), toByteOffset: 8, as: UInt64.self)
    UnsafeMutableRawBufferPointer(start: slot.advanced(by: Self.header), count: text.count).copyBytes(from: text)
    atomicMemoryFence(ordering: .releasing)
    slot.storeBytes(of: number, as: UInt64.self)
  }

  /// What is kept, oldest first.
  func load() -> [(number: UInt64, line: String)] {
    var found: [(number: UInt64, line: String)] = []
    for index in 0..<Self.lines {
      let slot = UnsafeRawPointer(base.advanced(by: index * Self.lineBytes))
      let (number, count) = (slot.load(as: UInt64.self), slot.load(fromByteOffset: 8, as: UInt64.self))
      guard number > 0, count <= Self.lineBytes - Self.header else { continue }
      let text = UnsafeRawBufferPointer(start: slot.advanced(by: Self.header), count: Int(count))
      let line = String(decoding: text, as: UTF8.self)
      found.append((number, line.hasSuffix("\n") ? line : line + "\n"))
    }
    return found.sorted { $0.number < $1.number }
  }
}
