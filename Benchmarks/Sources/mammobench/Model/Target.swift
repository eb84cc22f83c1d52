/// A directory that cases run in.
struct Target: Sendable {
  let kind: Kind
  let path: String

  enum Kind: String, CaseIterable, Codable, CodingKeyRepresentable {
    /// The directory underneath, on the same file system as all others.
    case bare
    case mammofs
    case bindfs
    case mergerfs
    case gocryptfs

    static let peers: [Kind] = [.bindfs, .mergerfs, .gocryptfs]
  }

  /// A month folder of a user's images, made if it is missing.
  func month(_ user: String) throws(Failure) -> String {
    let folder = "\(path)/\(Self.month(user))"
    try Paths.makeFolders(folder)
    return folder
  }

  static func month(_ user: String) -> String { "images/user-\(user)/2026/11" }
}
