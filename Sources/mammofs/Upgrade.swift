import ArgumentParser
import Glibc
import MammoMount
import StorageCore

struct Upgrade: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Has this program take over a mount from the server that runs it.",
    discussion: "Whoever works in the mount notices a pause of some milliseconds, and nothing else.")

  @Argument(help: "Where it is mounted.", completion: .directory)
  var mountPoint: String

  /// Seconds for which the new server is waited for.
  private static let patience: UInt64 = 30

  func run() throws {
    let path = try MountPoint.resolved(mountPoint)
    guard let mount = MountPoint.at(path) else { throw Failure("no mammofs is mounted at \(mountPoint)") }
    if MountPoint.isDead(mount.path) { throw Failure.serverDied(mount) }
    let program = try Sys.realPath("/proc/self/exe")
    guard let before = try ControlSocket.upgrade(root: mount.root, to: program) else {
      throw Failure.unanswered(mount, to: "upgrade it")
    }
    let deadline = Clock.monotonic() + Self.patience * 1_000_000_000
    while Clock.monotonic() < deadline {
      if let now = ControlSocket.serving(root: mount.root), now.process != before {
        guard now.program == RunningProgram.mark else {
          throw Failure(
            "\(program) could not be started; the program of before goes on with \(mount.path), "
              + "as process \(now.process); \(mount.root)/.mammofs/log says why")
        }
        print("\(mount.path) is served by process \(now.process), no longer by \(before)")
        return
      }
      // Between the two servers nobody is there who could say when the second answers.
      usleep(10_000)
    }
    throw Failure("no new server answers at \(mount.path); \(mount.root)/.mammofs/log says why")
  }
}
