package import Glibc
internal import StorageCore

/// `mammofs upgrade` has another program take over. There is no way back from that, since the supervisor becomes the
/// other program: so this one is asked first whether it could.
extension ControlSocket {
  func answerUpgrade(_ connection: CInt, format: String, program: String) {
    if let reason = refusal(ofFormat: format, program) { return UnixSocket.write(connection, "refused \(reason)\n") }
    UnixSocket.write(connection, "process \(getpid())\n")
    upgrade(program)
  }

  private func refusal(ofFormat format: String, _ program: String) -> String? {
    guard UInt64(format) == SharedState.format else {
      return "\(program) keeps what is open in another form than the server that runs; unmount, and mount again"
    }
    guard MountPoint.hasSupervisor(getpid()) else {
      return "nobody is there to start \(program): the supervisor has ended; unmount, and mount again"
    }
    guard access(program, X_OK) == 0 else { return "\(program) is no program that the server can start" }
    guard RunningProgram.canBeFollowed(by: program, options.arguments) else {
      return "\(program) does not say that it can go on with this mount; unmount, and mount again"
    }
    return nil
  }

  /// A server, and the program that it runs.
  package struct Serving: Sendable {
    package let process: pid_t
    /// As ``RunningProgram/mark`` has it; empty where the server does not say.
    package let program: String
  }

  /// The server that has `root` in use; `nil` where none answers.
  package static func serving(root: String) -> Serving? {
    guard let values = try? values(root: root, "process"), let process = values["process"].flatMap({ pid_t($0) }) else {
      return nil
    }
    return Serving(process: process, program: values["program"] ?? "")
  }

  /// Has the server that has `root` in use end for `program` to take over.
  ///
  /// - Returns: the server's process; `nil` where none answers.
  package static func upgrade(root: String, to program: String) throws(ServerFailure) -> pid_t? {
    try values(root: root, "upgrade \(SharedState.format) \(program)")?["process"].flatMap { pid_t($0) }
  }
}
