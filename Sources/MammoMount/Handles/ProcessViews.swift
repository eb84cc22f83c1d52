internal import CLinux
internal import Glibc
internal import Synchronization

/// What is kept open, in /proc, of the processes that closed new files lately: who makes one file mostly makes more.
///
/// Bounded, and correct whatever is in it: a view of a process that has ended says so, and is made anew.
final class ProcessViews: Sendable {
  private let views = Mutex<[pid_t: ProcessView]>([:])
  private static let limit = 16

  /// What a process is doing, and a view of it; `nil` where it may not be looked at, now or at all.
  func look(at process: pid_t) -> (view: ProcessView?, state: lx_process_state) {
    if let view = views.withLock({ $0[process] }), case let state = view.state, state != lx_process_gone {
      return (view, state)
    }
    let state = lx_state_of_process(process)
    guard state == lx_process_running, let view = ProcessView(process) else { return (nil, state) }
    let outdated = views.withLock { views in
      let outdated = views.count >= Self.limit ? views : [:]
      if !outdated.isEmpty { views.removeAll(keepingCapacity: true) }
      views[process] = view
      return outdated
    }
    // Closed here, with no lock held.
    _ = outdated
    return (view, state)
  }
}

/// One process.
final class ProcessView: Sendable {
  private let raw: lx_process_view
  private let usual = Mutex(lx_descriptor_numbers())

  fileprivate init?(_ process: pid_t) {
    var raw = lx_process_view()
    guard lx_open_view(&raw, process) == 0 else { return nil }
    self.raw = raw
  }

  deinit { withUnsafePointer(to: raw) { lx_close_view($0) } }

  var state: lx_process_state { withUnsafePointer(to: raw) { lx_state_in_view($0) } }

  /// How many of its descriptors lead to the inode under a path that ends with `/name`; negative where it cannot be told.
  func count(_ name: UnsafePointer<CChar>, _ inode: UInt64) -> CInt {
    var usual = usual.withLock { $0 }
    defer { self.usual.withLock { $0 = usual } }
    return withUnsafePointer(to: raw) { lx_count_descriptors_in_view($0, name, inode, &usual) }
  }

  /// Writes the numbers of its children, as many as there is room for, and returns how many.
  func children(_ room: UnsafeMutableBufferPointer<pid_t>) -> Int {
    withUnsafePointer(to: raw) { Int(lx_children_in_view($0, room.baseAddress, CInt(room.count))) }
  }
}
