internal import CLinux

/// The order in which a thread takes the storage's locks that are held over system calls: `docs/architecture.md` has the
/// whole of it.
///
/// In debug builds each of these locks says what it is when it is taken, and a thread that takes one out of order, or two of
/// one rank one after the other, ends the process: it would wait for itself or for a thread that waits for it, if seldom.
enum LockRank: UInt32 {
  case gate
  case folders
  case files

  /// The calling thread takes a lock of this rank.
  @inline(__always)
  func taken() {
    #if DEBUG
      guard let held = lx_held_locks() else { return }
      precondition(held.pointee >> rawValue == 0, "\(self) taken while locks of ranks \(held.pointee) are held")
      held.pointee |= 1 << rawValue
    #endif
  }

  /// The calling thread has given the lock back.
  @inline(__always)
  func givenBack() {
    #if DEBUG
      if let held = lx_held_locks() { held.pointee &= ~(1 << rawValue) }
    #endif
  }
}
