internal import CLinux
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// The program that runs, and the one that is to take its place.
package enum RunningProgram {
  /// What tells this program's file from others, whatever has its path by now.
  package static let mark: String = {
    // Leads to the file itself, also where that has lost its name.
    var file = stat()
    return stat("/proc/self/exe", &file) == 0 ? "\(file.st_dev):\(file.st_ino)" : "unknown"
  }()

  /// Milliseconds that the other program has.
  private static let patience: CInt = 10_000

  /// Asks `program` whether it takes over from this one, by what it says to
  /// `mount --check-take-over FORMAT ARGUMENTS`.
  static func canBeFollowed(by program: String, _ arguments: [String]) -> Bool {
    let all = ["mammofs", "mount", "--check-take-over", "\(SharedState.format)"] + arguments
    guard let process = start(program, all) else { return false }
    // Nobody else waits for it, so the number is its own until this does.
    let end = lx_pidfd_open(process)
    if end >= 0 {
      let descriptor = Descriptor(owning: end)
      var wait = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
      if poll(&wait, 1, patience) <= 0 { kill(process, SIGKILL) }
    }
    var status: CInt = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { return false }
    }
    return status == 0
  }

  /// Starts it as a shell would: with no signal blocked or ignored that the server blocks or ignores, and without its log.
  private static func start(_ program: String, _ arguments: [String]) -> pid_t? {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in 0...2 as ClosedRange<CInt> {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    let pointers = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var process: pid_t = 0
    return posix_spawn(&process, program, &actions, &attributes, pointers, environ) == 0 ? process : nil
  }
}
