import ArgumentParser
import MammoMount
import SystemPackage

struct Unmount: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Unmounts; returns when everything is on disk and the server has gone.")

  @Argument(help: "Where it is mounted.", completion: .directory)
  var mountPoint: String

  func run() throws {
    let path = try MountPoint.resolved(mountPoint)
    if MountPoint.at(path) != nil {
      MountPoint.freeFromDyingServers()
      // With nobody left in it, it went with its server.
      if MountPoint.at(path) == nil { return }
    }
    guard let mount = MountPoint.at(path) else {
      throw Failure("no mammofs is mounted at \(mountPoint)")
    }
    if let cover = mount.cover {
      throw Failure("something else (\(cover)) is mounted over \(mount.path); unmount that first: umount \(mount.path)")
    }
    let isDead = MountPoint.isDead(mount.path)
    try mount.leave {
      do throws(Errno) {
        try MountPoint.detach(mount.path, lazily: isDead)
      } catch .resourceBusy {
        if let place = mount.submount {
          throw Failure("\(place) is mounted in it; unmount that first: umount \(place)")
        }
        throw Failure.inUse(mount.path)
      } catch .notPermitted {
        try FuserMount.unmount(mount.path, lazily: isDead)
      } catch {
        throw Failure("cannot unmount \(mount.path): \(error)")
      }
    }
  }
}
