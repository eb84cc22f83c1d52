import Glibc

/// Another program. Each that starts is noted in a file, so that whoever cleans up after an interrupted run knows it.
struct Child {
  let process: pid_t
  private let name: String
  private let log: String

  /// `log`: where its errors go; its output is not wanted. A child leads a process group of its own.
  init(_ arguments: [String], log: String, notedIn pids: String) throws(Failure) {
    name = arguments.joined(separator: " ")
    self.log = log
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    let pointers = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var process: pid_t = 0
    let code = posix_spawnp(&process, arguments[0], &actions, &attributes, pointers, environ)
    guard code == 0 else { throw .code(code, "posix_spawn", arguments[0]) }
    self.process = process
    let note = open(pids, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    let line = "\(process)\n"
    guard note >= 0, write(note, line, line.utf8.count) > 0, close(note) == 0 else { throw .system("write", pids) }
  }

  /// Waits for its end, which must be a success.
  func wait() throws(Failure) {
    let status = end()
    guard status == 0 else { throw Failure("\(name.prefix(200)) failed (\(status)): \(complaint)") }
  }

  /// Waits for its end, whatever it is.
  @discardableResult
  func end() -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    return status
  }

  /// The last of its errors.
  var complaint: Substring { ((try? Kernel.text(of: log)) ?? "").suffix(1000) }

  /// Has it ended by itself?
  var hasEnded: Bool {
    var status: Int32 = 0
    return waitpid(process, &status, WNOHANG) != 0
  }

  /// Ends it and what it started without a chance to tidy up.
  func kill() {
    _ = Glibc.kill(-process, SIGKILL)
    end()
  }
}
