import MammoMount
import SystemPackage

/// Something that a command cannot do: one line for people, and an exit code.
struct Failure: Error, CustomStringConvertible {
  let description: String
  let code: Int32

  /// The exit code of a command that has a question to answer, where it could not; 1 is its answer no.
  static let noAnswer: Int32 = 2

  init(_ description: String, code: Int32 = 1) {
    self.description = description
    self.code = code
  }

  /// Runs what has to be done before a question can be answered.
  static func beforeAnswering<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch { throw Failure("\(error)", code: noAnswer) }
  }

  /// The server of a mount was killed, or crashed.
  static func serverDied(_ mount: MountPoint) -> Failure {
    Failure(
      "the server of the mount at \(mount.path) has died; "
        + "run: mammofs mount \(mount.path) --root \(mount.root), or: mammofs unmount \(mount.path)")
  }

  /// Nobody answers at the control socket, which belongs to whoever mounted.
  static func unanswered(_ mount: MountPoint, to doing: String) -> Failure {
    if mount.isMine {
      return Failure("the server of \(mount.path) does not answer; \(mount.root)/.mammofs/log may say why")
    }
    return Failure("only root, or the user who mounted \(mount.path), may \(doing)")
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
