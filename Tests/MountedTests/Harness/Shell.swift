import Glibc
import Synchronization

/// Held while a child is spawned and while a descriptor of this process is closed; see ``Files``.
enum Spawning {
  static let lock = Mutex(0)
}

/// Scripts run by bash in a process of their own, never longer than a deadline.
enum Shell {
  struct Outcome: CustomStringConvertible {
    /// The exit code; 128 and the signal where one ended the script.
    let status: Int32
    let output: String
    let errors: String
    let timedOut: Bool

    var description: String {
      "exit code \(status)\(timedOut ? " (stopped at its deadline)" : "")\nstdout: \(output)\nstderr: \(errors)"
    }
  }

  /// Runs `script` in `folder`, where its output is kept for a moment, too.
  static func run(
    _ script: String, in folder: String, environment: [String: String] = [:], seconds: Int = 60
  ) throws -> Outcome {
    let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
    let outputs = ["\(folder)/.out.\(number)", "\(folder)/.err.\(number)"]
    defer { for path in outputs { unlink(path) } }
    var variables = inherited
    variables.merge(environment) { $1 }
    let process = try spawn(
      ["/bin/bash", "-c", "cd -- \"$D\" || exit 99\n" + script], variables.merging(["D": folder]) { $1 }, outputs)
    let (status, timedOut) = wait(for: process, seconds: seconds)
    return Outcome(
      status: status, output: (try? Files.text(outputs[0])) ?? "", errors: (try? Files.text(outputs[1])) ?? "",
      timedOut: timedOut)
  }

  private static let counter = Atomic(0)

  /// What a child gets of this process's environment: nothing that configures the file system.
  private static let inherited: [String: String] = {
    var variables = ["LC_ALL": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]
    for name in ["PATH", "HOME", "TMPDIR", "TZ", "USER"] {
      if let value = getenv(name) { variables[name] = String(cString: value) }
    }
    return variables
  }()

  private static func spawn(
    _ arguments: [String], _ environment: [String: String], _ outputs: [String]
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for (descriptor, path) in zip([1, 2] as [Int32], outputs) {
      posix_spawn_file_actions_addopen(&actions, descriptor, path, O_CREAT | O_WRONLY | O_APPEND, 0o600)
    }
    // A group of its own, so that a deadline ends all of it; and no signal blocked, as this thread may have them.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))

    let argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    let envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var process: pid_t = 0
    let error = Spawning.lock.withLock { _ in
      posix_spawn(&process, arguments[0], &actions, &attributes, argv, envp)
    }
    guard error == 0 else { throw CallFailed("posix_spawn \(arguments[0])", error) }
    return process
  }

  private static func wait(for process: pid_t, seconds: Int) -> (status: Int32, timedOut: Bool) {
    var status: Int32 = 0
    var timedOut = false
    let ended = poll(seconds: Double(seconds), every: 2) { waitpid(process, &status, WNOHANG) == process }
    if !ended {
      timedOut = true
      kill(-process, SIGKILL)
      kill(process, SIGKILL)
      waitpid(process, &status, 0)
    }
    let signal = status & 0x7F
    return (signal == 0 ? status >> 8 & 0xFF : 128 + signal, timedOut)
  }
}

/// Text as one word for the shell.
func quoted(_ text: String) -> String {
  "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
