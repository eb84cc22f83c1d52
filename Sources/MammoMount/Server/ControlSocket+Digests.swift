package import StorageCore
internal import SystemPackage

/// `mammofs verify` has the server of a mount give files their digests, since nobody else may change anything then, and
/// tells it of damage.
extension ControlSocket {
  static let digestRequest = "digest "
  static let digestQuestion = "digested "

  /// What the server says of a file's digest.
  package enum DigestAnswer: String, Sendable {
    /// It is there.
    case given
    /// The server is about to see to it.
    case waiting
    /// Too many wait; to be asked again.
    case later
    /// The file is open for writing, too young, or gone; or its digest could not be written.
    case notYet
    /// The file's other attributes leave no room for it, or the file system keeps none.
    case noRoom
    case refused
  }

  /// Looks at a file's digest and, where it has none and `asking`, leaves a note that it wants one.
  func digest(of path: String, asking: Bool) -> DigestAnswer {
    guard !isReadOnly, let path = try? StoragePath(parsing: path), case .image = path.place else { return .refused }
    do throws(Errno) {
      let file = try Sys.openUnnoticed(path.fileName, in: try storage.root.openFolder(path.folder))
      let identity = FileIdentity(try Sys.stat(file))
      switch try Digest.state(of: file) {
      case .current, .cut: return .given
      case .absent, .stale: break
      }
      // Its release leaves a note.
      if storage.isOpenForWriting(identity) { return .notYet }
      if asking, !storage.digests.ask(identity, at: path.names) { return .later }
      // While it is on record it gets none.
      if storage.namespace.isOnRecord(identity) { return .notYet }
      if storage.digests.isAwaited(identity) { return .waiting }
      // It may have been written since it was looked at.
      switch try Digest.state(of: file) {
      case .current, .cut: return .given
      case .absent, .stale: return storage.digests.isUnfit(identity) ? .noRoom : .notYet
      }
    } catch {
      return .notYet
    }
  }

  /// Asks the server that has `root` in use to give a file its digest; `nil` where none answers.
  package static func requestDigest(root: String, of path: String) -> DigestAnswer? {
    answer(root, digestRequest + path)
  }

  /// Asks it how far that is.
  package static func digestState(root: String, of path: String) -> DigestAnswer? {
    answer(root, digestQuestion + path)
  }

  // MARK: Damage

  /// `found ERRNO PATH\tREASON`: no path in the storage holds a control character.
  static let findingRequest = "found "

  /// Takes note of what `mammofs verify` found, as if the scrub had.
  func noteFinding(_ text: Substring) -> String {
    let halves = text.split(separator: "\t", maxSplits: 1)
    let words = halves.first?.split(separator: " ", maxSplits: 1) ?? []
    guard halves.count == 2, words.count == 2, let errno = CInt(words[0]) else { return "refused what is no finding\n" }
    let path = String(words[1])
    storage.digests.found(path)
    storage.refusals.add(operation: "verify", path: path, errno: Errno(rawValue: errno), advice: String(halves[1]))
    return "noted\n"
  }

  /// Tells the server that has `root` in use of damage; false where none takes note of it.
  package static func tell(root: String, _ finding: VerificationState.Finding) -> Bool {
    ask(root: root, "\(findingRequest)\(finding.error.rawValue) \(finding.path)\t\(finding.reason)") == "noted\n"
  }

  /// `verified STARTED COUNT`: when `mammofs verify` began, in seconds since 1970, and how many files are whole.
  static let wholeRequest = "verified "

  /// Takes note that `mammofs verify` has read all of the store.
  func noteWhole(_ text: Substring) -> String {
    let words = text.split(separator: " ")
    guard words.count == 2, let started = Int64(words[0]), let count = Int(words[1]), count >= 0,
      (0...Clock.now()).contains(started)
    else { return "refused what is no verification\n" }
    guard !isReadOnly else { return "refused a read-only mount keeps no figures\n" }
    storage.digests.verifiedWhole(started: started, verified: count)
    return "noted\n"
  }

  /// Tells the server that has `root` in use that all of the store was read; false where none takes note of it.
  package static func tellWhole(root: String, _ state: VerificationState) -> Bool {
    ask(root: root, "\(wholeRequest)\(state.started) \(state.verified.count)") == "noted\n"
  }

  private static func answer(_ root: String, _ request: String) -> DigestAnswer? {
    guard let answer = ask(root: root, request) else { return nil }
    return answer.split(separator: "\n").first.flatMap { DigestAnswer(rawValue: String($0)) } ?? .refused
  }
}
