import Glibc
import MammoMount
import StorageCore
import SystemPackage

/// What a PATH on the command line is.
enum Target {
  case mount(MountPoint)
  /// A storage root that is not mounted, absolute.
  case root(String)

  init(_ path: String) throws {
    guard !path.isEmpty else { throw Failure("an empty path is neither a mount nor a storage root") }
    let resolved = try MountPoint.resolved(path)
    if let dead = MountPoint.dead(holding: resolved) { throw Failure.serverDied(dead) }
    if let mount = MountPoint.at(resolved) ?? MountPoint.of(root: resolved), mount.isWhole {
      // Its figures, and what is open in it, are known to the server only.
      if MountPoint.isDead(mount.path) { throw Failure.serverDied(mount) }
      self = .mount(mount)
    } else {
      try Self.checkGuard(of: resolved, path)
      self = .root(resolved)
    }
  }

  /// Nothing begins a store but a mount: what only looks like one may be a copy, or a folder of the same names.
  private static func checkGuard(of resolved: String, _ path: String) throws {
    guard access(resolved, F_OK) == 0 else { throw Failure("\(path) is not there") }
    let found = try Failure.explaining("look into \(path)") { () throws(Errno) in try RootGuard(ofRoot: resolved) }
    switch found {
    case .store: return
    case .tree:
      throw Failure(
        "\(path) is no storage root: it has no \(Layout.privateFolder)/\(Layout.lock); "
          + "mount it once, with --create if need be, which makes it one")
    case .nothing, .stranger: throw Failure("\(path) is neither a mammofs mount nor a storage root")
    }
  }

  /// The storage root that is, or holds, a path.
  static func root(holding resolved: String, _ path: String) throws -> String {
    var candidate = resolved
    while !candidate.isEmpty, candidate != "/" {
      if (try? RootGuard(ofRoot: candidate)) == .store { return candidate }
      candidate = MountPoint.names(of: candidate).dropLast().map { "/\($0)" }.joined()
    }
    try checkGuard(of: resolved, path)
    return resolved
  }

  /// Works on a storage root that nobody has mounted.
  ///
  /// - Parameters:
  ///   - recounts: has the figures counted also where the last mount left them.
  ///   - onlyToRead: it may be on a read-only disk.
  static func withStorage<Result>(
    _ root: String, recounts: Bool = false, onlyToRead: Bool, _ body: (Storage) throws -> Result
  ) throws -> Result {
    // Modes are as they are documented.
    umask(0)
    let storage = try Storage(path: root)
    _ = try storage.initialize(
      as: "another mammofs command", inheriting: nil, recounts: recounts, onlyToRead: onlyToRead)
    // A mount would have shown it; the next one does.
    StandardError.write(String(decoding: storage.refusals.text, as: UTF8.self))
    if !storage.isReadOnly {
      do throws(StorageError) { try storage.keepRefusals() } catch { StandardError.write("mammofs: \(error)\n") }
    }
    let result = try body(storage)
    try storage.close()
    return result
  }
}
