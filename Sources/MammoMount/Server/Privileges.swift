internal import CLinux
internal import Glibc
internal import SystemPackage

/// What root's server gives up when it starts: whatever is wrong with it later, it can do no more than serve.
///
/// Capabilities belong to threads, and a thread has those of the one that started it. So this comes before the first
/// of them (``Supervisor``), and after the limit of descriptors was raised, which needs a right that goes.
///
/// An ordinary user's server has no capabilities to give up, and keeps what `no_new_privs` would take: it is unmounted,
/// and mounted, by `fusermount3`, which is root by its set-user-ID bit. It executes nothing else.
enum Privileges {
  /// Those that remain; the numbers are the kernel's.
  private enum Capability: UInt64, CaseIterable {
    /// A new file is given to its caller.
    case chown = 0
    /// The kernel has checked the caller's rights (`default_permissions`); the server then works in a storage root
    /// whose files belong to many.
    case overrideRights = 1
    case readAndSearch = 2
    /// Modes, times and attributes of files of others.
    case actAsOwner = 3
    /// chmod keeps set-group-ID where the file's group is not the server's.
    case keepSetID = 4
    /// Looking into /proc/PID/fd of callers: that is how the server knows whether a close was the last.
    case lookAtProcesses = 19
    /// Mounting, unmounting, kernel passthrough, `trusted.*` attributes.
    case administer = 21
    /// Device nodes in the workspace, for callers that may make them.
    case makeNodes = 27
  }

  /// Gives up everything else, for good and for what is executed.
  static func drop() throws(ServerFailure) {
    guard geteuid() == 0 else { return }
    // Where a service may not, its files take what the disk keeps for root.
    _ = lx_have_nobody()
    let kept = Capability.allCases.reduce(UInt64(0)) { $0 | 1 << $1.rawValue }
    guard lx_keep_capabilities(kept) == 0 else {
      throw ServerFailure("cannot give up root's rights: \(Errno(rawValue: errno).description.lowercased())")
    }
  }
}
