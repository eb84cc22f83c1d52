internal import CLinux
internal import Glibc
internal import StorageCore

/// Finds out whether a close was the last: FUSE tells of each close of a
/// duplicate, but not whether there are more.
///
/// A shell's `echo x > f` closes one duplicate before anything is written, and a
/// forked child closes another when it ends. So where it matters (publishing, the
/// marker), the processes that may hold a duplicate are asked through /proc. When
/// that cannot be told, the release of the file decides, which comes after the
/// last close for certain, but which nobody waits for.
///
/// A process that closes in the middle of `execve` must not be asked: it holds the lock
/// that asking takes, so the close that it waits for would wait for it.
struct DescriptorHolders {
  /// The file's name and inode number as the mount shows them: a descriptor that leads to both may be a duplicate.
  let name: FileName
  let inode: UInt64

  enum Answer {
    case none, some, unknown
  }

  /// Asks the process that opened a new file, which for the last close is the one that closes, and its children.
  func ofNewFile(closing: pid_t, opener: pid_t, _ views: ProcessViews) -> Answer {
    // Another process's close is not the last while the opener has it; once the opener is done with it,
    // whoever else has it cannot be told.
    guard closing != 0, closing == opener else { return .unknown }
    let (view, state) = views.look(at: opener)
    if state == lx_process_executing { return .unknown }
    guard let view else { return ask(opener, children: .all) }
    if state == lx_process_running {
      let count = name.withCString { view.count($0, inode) }
      guard count == 0 else { return count < 0 ? .unknown : .some }
    }
    return ask(childrenWith: view.children, .all)
  }

  /// As ``ofNewFile(closing:opener:_:)``, at another time than at a close: the one who opened the file may be gone, and have
  /// left it to others.
  func afterClose(opener: pid_t, _ views: ProcessViews) -> Answer {
    guard lx_state_of_process(opener) == lx_process_running else { return .unknown }
    return ofNewFile(closing: opener, opener: opener, views)
  }

  /// Asks whoever may go on writing a marker: the process that closed it, the one that opened it (which is in the
  /// middle of several commands, perhaps), and their children.
  func ofMarker(closing: pid_t, opener: pid_t) -> Answer {
    guard closing != 0, opener != 0 else { return .unknown }
    if lx_state_of_process(closing) == lx_process_executing {
      // A copy of the opener's goes with `execve`; the opener's own may be there still.
      return closing == opener ? .unknown : ask(opener, children: .inherited)
    }
    let found = ask(closing, children: .inherited)
    guard opener != closing, case .none = found else { return found }
    return ask(opener, children: .inherited)
  }

  /// Which descriptors of a child count.
  private enum Counted {
    case all
    /// Not those that go with `execve`: a child that is about to execute has copies for a moment, and a marker is not
    /// to wait for them.
    case inherited
  }

  /// Asks a process and its children.
  private func ask(_ process: pid_t, children counted: Counted) -> Answer {
    let found = count(.all, in: process)
    guard case .none = found else { return found }
    return ask(
      childrenWith: { Int(lx_children_of_process(process, $0.baseAddress, CInt($0.count))) }, counted)
  }

  /// - Parameter children: writes their numbers, and returns how many.
  private func ask(childrenWith children: (UnsafeMutableBufferPointer<pid_t>) -> Int, _ counted: Counted) -> Answer {
    withUnsafeTemporaryAllocation(of: pid_t.self, capacity: 64) { room in
      var answer = Answer.none
      for child in room[..<children(room)] {
        // It may be waiting for the answer to this very close, or for one to a close that waits for this one's.
        if counted == .inherited, lx_state_of_process(child) == lx_process_executing {
          answer = .unknown
        } else if case .some = count(counted, in: child) {
          return .some
        }
      }
      return answer
    }
  }

  private func count(_ counted: Counted, in process: pid_t) -> Answer {
    switch lx_state_of_process(process) {
    // Asking one in the middle of `execve` waits until it is through.
    case lx_process_running, lx_process_executing:
      let count = name.withCString { lx_count_descriptors(process, $0, inode, counted == .inherited ? 1 : 0) }
      return count < 0 ? .unknown : count > 0 ? .some : .none
    // It has ended, or is on the way: what it still holds it will not write to.
    default: return .none
    }
  }
}
