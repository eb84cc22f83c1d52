internal import StorageCore
internal import SystemPackage

/// `mammofs verify` has the server of a mount give files their digests: nobody else may change anything then.
extension ControlSocket {
  static let digestRequest = "digest "

  /// What the server answers: `digest waiting`, `digest later` where too many wait, or why not.
  func digest(of path: String) -> String {
    guard !isReadOnly else { return "refused the storage root is mounted read-only\n" }
    do {
      let path = try StoragePath(parsing: path)
      guard case .image = path.place else { return "refused \(path) is no image or thumbnail\n" }
      let stat = try Sys.stat(path.fileName, in: try storage.root.openFolder(path.folder))
      return storage.digests.want(FileIdentity(stat), at: path.names) ? "digest waiting\n" : "digest later\n"
    } catch {
      return "refused \(error)\n"
    }
  }

  package enum DigestAnswer: Sendable {
    case waiting, later
    case refused(String)
  }

  /// Asks the server that has `root` in use to give a file its digest; `nil` where none answers.
  package static func requestDigest(root: String, of path: String) -> DigestAnswer? {
    guard let answer = ask(root: root, digestRequest + path) else { return nil }
    switch answer {
    case "digest waiting\n": return .waiting
    case "digest later\n": return .later
    default: return .refused(String(answer.split(separator: "\n").joined(separator: " ").dropFirst("refused ".count)))
    }
  }
}
