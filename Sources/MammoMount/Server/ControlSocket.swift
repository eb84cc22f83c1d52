internal import Glibc
internal import Logging
package import StorageCore
internal import SystemPackage

/// How the command line reaches a running server: a socket in the storage root's private folder.
///
/// One request a connection, a line: `cleanup SECONDS dry|real`, `digest PATH`, `digested PATH`, `found ERRNO PATH`,
/// `verified STARTED COUNT`, `recount`, `mounted`, `process`, or `upgrade FORMAT PROGRAM`. The answer is lines of `key value`, one that begins with `refused`
/// and says why, or, of the two on digests, a ``DigestAnswer``.
package final class ControlSocket: Sendable {
  let storage: Storage
  private let housekeeping: Housekeeping
  let options: ServerOptions
  private let mount: PresentMount
  private let logger: Logger
  private let isMounted: @Sendable () -> Bool
  let upgrade: @Sendable (String) -> Void
  static let name = "control"

  /// - Parameters:
  ///   - isMounted: whether the mount is still there, at whatever place and in whatever namespace.
  ///   - upgrade: ends the server for a program to take over.
  init(
    storage: Storage, housekeeping: Housekeeping, options: ServerOptions, mount: PresentMount, logger: Logger,
    isMounted: @escaping @Sendable () -> Bool, upgrade: @escaping @Sendable (String) -> Void
  ) {
    self.mount = mount
    self.isMounted = isMounted
    self.upgrade = upgrade
    self.storage = storage
    self.housekeeping = housekeeping
    self.options = options
    self.logger = logger
  }

  /// Listens on a thread of its own, until the process ends.
  ///
  /// - Returns: false where there is no thread for it.
  func start(on threads: ThreadReserve) -> Bool {
    do throws(Errno) {
      let folder = try storage.root.openFolder([Layout.privateFolder])
      // Left over from a server that was killed.
      try? Sys.unlink(FileName(Self.name), in: folder)
      let listener = try UnixSocket.listen(in: folder.raw, name: Self.name)
      let hasStarted = threads.start("control") { [self] in
        while let connection = UnixSocket.accept(listener) { take(connection) }
      }
      // Nobody is to wait for an answer there.
      if !hasStarted { close(listener) }
      return hasStarted
    } catch {
      logger.warning(
        "no control socket: cleanup from the command line will not reach this mount", metadata: ["error": "\(error)"])
      return true
    }
  }

  private func take(_ connection: CInt) {
    let line = UnixSocket.readLine(connection)
    // Takes as long as a walk of the store, and others are not to wait for it.
    if line == "recount",
      StorageCore.Thread.startIfPossible("recount", { [self] in answer(connection, line) })
    {
      return
    }
    answer(connection, line)
  }

  private func answer(_ connection: CInt, _ line: String) {
    defer { close(connection) }
    for request in [Self.digestRequest, Self.digestQuestion] where line.hasPrefix(request) {
      let answer = digest(of: String(line.dropFirst(request.count)), asking: request == Self.digestRequest)
      return UnixSocket.write(connection, "\(answer)\n")
    }
    if line.hasPrefix(Self.findingRequest) {
      return UnixSocket.write(connection, noteFinding(line.dropFirst(Self.findingRequest.count)))
    }
    if line.hasPrefix(Self.wholeRequest) {
      return UnixSocket.write(connection, noteWhole(line.dropFirst(Self.wholeRequest.count)))
    }
    let words = line.split(separator: " ", maxSplits: 2)
    if line == "process" {
      return UnixSocket.write(connection, "process \(getpid())\nprogram \(RunningProgram.mark)\n")
    }
    if line == "recount" { return UnixSocket.write(connection, recount(connection)) }
    if line == "mounted" { return UnixSocket.write(connection, "mounted \(isMounted() ? "yes" : "no")\n") }
    if words.count == 3, words[0] == "upgrade" {
      return answerUpgrade(connection, format: String(words[1]), program: String(words[2]))
    }
    guard words.count == 3, words[0] == "cleanup", let age = Int64(words[1]) else {
      return UnixSocket.write(connection, "refused the server of the mount does not know this request\n")
    }
    guard words[2] == "dry" || !isReadOnly else {
      return UnixSocket.write(
        connection, "refused \(options.mountPoint) is mounted read-only; unmount it and mount it writable to clean up\n"
      )
    }
    let report = housekeeping.clean(olderThan: age, dryRun: words[2] == "dry")
    UnixSocket.write(connection, Self.text(report))
  }

  private func recount(_ connection: CInt) -> String {
    do throws(StorageError) {
      try storage.recount(isCancelled: { UnixSocket.isHungUp(connection) })
      return "counted\n"
    } catch {
      return "refused \(error.advice)\n"
    }
  }

  private static func text(_ report: CleanupReport) -> String {
    var text = "deleted \(report.deleted)\nbytes \(report.bytes)\nsessions \(report.sessions)\n"
    for failure in report.failures { text += "failure \(failure.split(separator: "\n").joined(separator: " "))\n" }
    return text
  }

  var isReadOnly: Bool { mount.isReadOnly }

  /// Sends a request to the server that has `root` in use; `nil` where none answers.
  ///
  /// - Parameter patience: seconds for which an answer is waited for; 0 is for ever.
  static func ask(root: String, _ request: String, patience: Int = 0) -> String? {
    guard let folder = try? Root.privateFolder(ofRoot: root),
      let connection = UnixSocket.connect(in: folder.raw, name: name, patience: patience)
    else { return nil }
    defer { close(connection) }
    UnixSocket.write(connection, request + "\n")
    let answer = UnixSocket.readAll(connection)
    return answer.isEmpty ? nil : answer
  }

  /// Asks the server that has `root` in use to clean up; `nil` where none answers.
  package static func cleanup(
    root: String, olderThan age: Int64, dryRun: Bool
  ) throws(ServerFailure) -> CleanupReport? {
    guard let answer = ask(root: root, "cleanup \(age) \(dryRun ? "dry" : "real")") else { return nil }
    var report = CleanupReport()
    for line in answer.split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1)
      guard parts.count == 2 else { continue }
      switch parts[0] {
      case "deleted": report.deleted = Int(parts[1]) ?? 0
      case "bytes": report.bytes = Int64(parts[1]) ?? 0
      case "sessions": report.sessions = Int(parts[1]) ?? 0
      case "refused": throw ServerFailure(String(parts[1]))
      default: report.failures.append(String(parts[1]))
      }
    }
    return report
  }

  /// Has the server that has `root` in use count anew; false where none answers.
  package static func recount(root: String) throws(ServerFailure) -> Bool {
    guard let answer = ask(root: root, "recount") else { return false }
    if answer.hasPrefix("refused ") {
      throw ServerFailure(answer.dropFirst(8).split(separator: "\n").joined(separator: " "))
    }
    return true
  }

  /// Whether the server that has `root` in use still has a mount; `nil` where it does not say.
  static func isMounted(root: String) -> Bool? {
    switch ask(root: root, "mounted", patience: 5) {
    case "mounted yes\n": true
    case "mounted no\n": false
    default: nil
    }
  }

  static func values(root: String, _ request: String) throws(ServerFailure) -> [String: String]? {
    guard let answer = ask(root: root, request) else { return nil }
    if answer.hasPrefix("refused ") {
      throw ServerFailure(answer.dropFirst(8).split(separator: "\n").joined(separator: " "))
    }
    var values: [String: String] = [:]
    for line in answer.split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
    }
    return values.isEmpty ? nil : values
  }
}
