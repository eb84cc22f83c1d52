import MammoMount
import StorageCore

/// What a PATH on the command line is.
enum Target {
  case mount(MountPoint)
  /// A storage root that is not mounted, absolute.
  case root(String)

  init(_ path: String) throws {
    guard !path.isEmpty else { throw Failure("an empty path is neither a mount nor a storage root") }
    let resolved = try MountPoint.resolved(path)
    if let dead = MountPoint.dead(holding: resolved) { throw Failure.serverDied(dead) }
    if let mount = MountPoint.at(resolved) ?? MountPoint.of(root: resolved) {
      // Its figures, and what is open in it, are known to the server only.
      if MountPoint.isDead(mount.path) { throw Failure.serverDied(mount) }
      self = .mount(mount)
    } else if (try? Sys.openFile("\(resolved)/images")) != nil {
      self = .root(resolved)
    } else if (try? Sys.openFile(resolved)) == nil {
      throw Failure("\(path) is not there")
    } else {
      throw Failure("\(path) is neither a mammofs mount nor a storage root")
    }
  }

  /// Works on a storage root that nobody has mounted.
  static func withStorage<Result>(_ root: String, _ body: (Storage) throws -> Result) throws -> Result {
    let storage = try Storage(path: root)
    try storage.initialize(as: "another mammofs command")
    let result = try body(storage)
    try storage.close()
    return result
  }
}
