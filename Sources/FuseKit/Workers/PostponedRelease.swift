import Glibc

/// A RELEASE, for which nobody waits, until the leader has nothing better to do.
///
/// It goes with the lead: only who leads touches it, and whatever gives the lead to another orders what the two do.
/// So a request that waits for it is stuck no longer than the ``Watch`` takes to find another leader.
final class PostponedRelease: @unchecked Sendable {
  /// A header of 40 bytes and 24 of its own.
  private static let room = 128
  private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 8)
  private var count = 0

  deinit { memory.deallocate() }

  var isEmpty: Bool { count == 0 }

  /// Keeps a copy of `request`; returns false where it has to be served at once. To be called where it is empty.
  func keep(_ request: UnsafeMutableRawBufferPointer) -> Bool {
    guard request.count <= Self.room else { return false }
    memory.copyMemory(from: UnsafeRawBufferPointer(request))
    count = request.count
    return true
  }

  /// Takes it out and gives it to `serve`, in memory which stays as it is when the lead is lost meanwhile.
  func take<Result>(_ serve: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
    withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { request in
      request.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
      count = 0
      return serve(request)
    }
  }
}
