import ArgumentParser
import Glibc
import MammoMount
import StorageCore
import SystemPackage

struct Unmount: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Unmounts; returns when everything is on disk and the server has gone.")

  @Argument(help: "Where it is mounted.")
  var mountPoint: String

  func run() throws {
    let isDead = MountPoint.isDead(mountPoint)
    let path = (try? Sys.realPath(mountPoint)) ?? Self.absolute(mountPoint)
    guard let mount = MountPoint.at(path) else { throw Failure("no mammofs is mounted at \(mountPoint)") }
    try mount.leave {
      do throws(Errno) {
        try MountPoint.detach(mount.path, lazily: isDead)
      } catch .resourceBusy {
        throw Failure(
          "\(mount.path) is in use; close what is open there and leave the folder (fuser -vm \(mount.path) lists who)")
      } catch .notPermitted {
        try FuserMount.unmount(mount.path)
      } catch {
        throw Failure("cannot unmount \(mount.path): \(error)")
      }
    }
  }

  /// A dead mount has no real path to be asked for.
  private static func absolute(_ path: String) -> String {
    let absolute = path.hasPrefix("/") ? path : "\((try? Sys.realPath(".")) ?? "")/\(path)"
    return "/" + absolute.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }
}

/// An ordinary user's way to unmount.
enum FuserMount {
  static func unmount(_ path: String, lazily: Bool = false) throws {
    var process: pid_t = 0
    let arguments = ["fusermount3", "-u"] + (lazily ? ["-z"] : []) + ["--", path]
    let pointers = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    let result = posix_spawnp(&process, "fusermount3", nil, nil, pointers, environ)
    guard result == 0 else { throw Failure("cannot run fusermount3: \(Errno(rawValue: result)); install fuse3") }
    var status: Int32 = 0
    waitpid(process, &status, 0)
    // It has said why by itself.
    guard status == 0 else { throw Failure("cannot unmount \(path)") }
  }
}
