import CLinux
import Glibc
import StorageCore
import SystemPackage

/// An ordinary user's way to unmount.
enum FuserMount {
  static func unmount(_ path: String, lazily: Bool = false) throws {
    let arguments = ["fusermount3", "-u"] + (lazily ? ["-z"] : []) + ["--", path]
    let (status, said) = try run(arguments)
    guard status != 0 else { return }
    if said.contains("busy") { throw Failure.inUse(path) }
    if said.contains("not found in /etc/mtab") {
      throw Failure("cannot unmount \(path): another user has mounted it; unmount as that user, or as root")
    }
    throw Failure("cannot unmount \(path): \(said.isEmpty ? "fusermount3 exited with \(status)" : said)")
  }

  /// Runs it, and returns its exit code and what it wrote to standard error, in one line.
  private static func run(_ arguments: [String]) throws -> (status: Int32, said: String) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Failure("cannot run fusermount3: \(Errno(rawValue: errno))") }
    let reader = Descriptor(owning: ends[0])
    _ = lx_set_cloexec(reader.raw)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
    posix_spawn_file_actions_addclose(&actions, ends[1])
    let pointers = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var process: pid_t = 0
    let result = posix_spawnp(&process, arguments[0], &actions, nil, pointers, environ)
    close(ends[1])
    guard result == 0 else { throw Failure("cannot run fusermount3: \(Errno(rawValue: result)); install fuse3") }
    let text = String(decoding: (try? Sys.readUnsized(reader)) ?? [], as: UTF8.self)
    var status: Int32 = 0
    waitpid(process, &status, 0)
    return (status, text.split(separator: "\n").joined(separator: "; "))
  }
}
