import MammoMount
import SystemPackage

/// Something that a command cannot do: one line for people, exit code 1.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }

  /// The server of a mount was killed, or crashed.
  static func serverDied(_ mount: MountPoint) -> Failure {
    Failure(
      "the server of the mount at \(mount.path) has died; "
        + "run: mammofs mount \(mount.path) --root \(mount.root), or: mammofs unmount \(mount.path)")
  }

  static func inUse(_ path: String) -> Failure {
    Failure("\(path) is in use; close what is open there and leave the folder (fuser -vm \(path) lists who)")
  }

  /// Runs system calls; a failure becomes «cannot …».
  static func explaining<Result: ~Copyable>(
    _ doing: String, _ body: () throws(Errno) -> Result
  ) throws -> Result {
    do { return try body() } catch { throw Failure("cannot \(doing): \(error)") }
  }
}
