import ArgumentParser
import MammoMount
import SystemPackage

struct Unmount: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Unmounts; returns when everything is on disk and the server has gone.")

  @Argument(help: "Where it is mounted.")
  var mountPoint: String

  func run() throws {
    guard let mount = MountPoint.at(MountPoint.resolved(mountPoint)) else {
      throw Failure("no mammofs is mounted at \(mountPoint)")
    }
    let isDead = MountPoint.isDead(mount.path)
    try mount.leave {
      do throws(Errno) {
        try MountPoint.detach(mount.path, lazily: isDead)
      } catch .resourceBusy {
        throw Failure.inUse(mount.path)
      } catch .notPermitted {
        try FuserMount.unmount(mount.path, lazily: isDead)
      } catch {
        throw Failure("cannot unmount \(mount.path): \(error)")
      }
    }
  }
}
