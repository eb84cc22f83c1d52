import FuseKit
import Glibc
import Synchronization
import SystemPackage
import Testing

/// A file system mounted at a temporary folder, served on a thread of its own, and driven by other processes.
final class Mounted: @unchecked Sendable {
  let path: String
  let session: Session
  private var thread = pthread_t()
  private let result = Mutex<Errno?>(nil)

  init(_ files: any FileSystem, workers: Int = 64, polling: Int = 1000, passthrough: Bool = false) throws {
    var template = Array("/tmp/fusekit-test-XXXXXX".utf8CString)
    path = try #require(mkdtemp(&template).map { String(cString: $0) })
    let options = MountOptions(
      name: "a,name", type: "fusekit", passthrough: passthrough, workers: workers, polling: polling)
    session = try Session(fileSystem: files, options: options)
    try session.mount(at: path)
    let code = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Mounted>.fromOpaque(argument).takeRetainedValue().serve() }
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    try #require(code == 0)
  }

  private func serve() {
    do throws(Errno) {
      try session.run()
    } catch {
      result.withLock { $0 = error }
    }
  }

  var isMounted: Bool {
    guard let mounts = try? readText("/proc/self/mounts") else { return true }
    return mounts.contains(" \(path) fuse.fusekit ")
  }

  /// Waits for the end of `run()`, which something else causes.
  func join() -> Errno? {
    pthread_join(thread, nil)
    return result.withLock { $0 }
  }

  /// Unmounts; fails the test where a mount is left over.
  func end() {
    session.unmount()
    #expect(join() == nil)
    #expect(!isMounted)
    #expect(rmdir(path) == 0)
  }

  /// Runs `script` in the mounted folder.
  @discardableResult
  func shell(_ script: String) throws -> (status: Int32, output: String) {
    try run("cd '\(path)' && { \(script)\n}")
  }
}

/// Runs `script` by `/bin/sh` and returns its exit status and what it printed.
func run(_ script: String) throws -> (status: Int32, output: String) {
  var ends: [CInt] = [0, 0]
  try #require(pipe(&ends) == 0)
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
  posix_spawn_file_actions_addclose(&actions, ends[0])
  posix_spawn_file_actions_addclose(&actions, ends[1])
  // Threads of the test runner block signals; a shell that inherits this never learns of its children's end.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
  var arguments: [UnsafeMutablePointer<CChar>?] = (["sh", "-c", script] as [String]).map { strdup($0) } + [nil]
  defer { for argument in arguments { free(argument) } }
  var process = pid_t()
  let result = posix_spawn(&process, "/bin/sh", &actions, &attributes, &arguments, environ)
  close(ends[1])
  defer { close(ends[0]) }
  try #require(result == 0)
  let output = readAll(ends[0])
  var status: Int32 = 0
  while waitpid(process, &status, 0) < 0, errno == EINTR {}
  return (status & 0x7f == 0 ? status >> 8 & 0xff : -1, output)
}

private func readAll(_ descriptor: CInt) -> String {
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 4096)
  while true {
    let size = read(descriptor, &part, part.count)
    if size < 0, errno == EINTR { continue }
    guard size > 0 else { return String(decoding: bytes, as: UTF8.self) }
    bytes += part[..<size]
  }
}

func readText(_ path: String) throws -> String {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  try #require(descriptor >= 0)
  defer { close(descriptor) }
  return readAll(descriptor)
}

/// Why nothing can be mounted here, or nil.
let missingForMounts: Comment? = {
  if access("/dev/fuse", R_OK | W_OK) != 0 { return "/dev/fuse is missing or not accessible" }
  if getuid() != 0, access("/usr/bin/fusermount3", X_OK) != 0 { return "neither root nor fusermount3" }
  return nil
}()
