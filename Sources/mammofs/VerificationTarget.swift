import Glibc
import MammoMount
import StorageCore
import SystemPackage

/// What is to be verified: a storage root, mounted or not, or something in it.
struct VerificationTarget {
  let root: String
  /// The mount of the root, if there is one.
  let mount: MountPoint?
  /// What of it, from the root on; empty for all.
  let names: [FileName]

  var folder: String { names.map(\.description).joined(separator: "/") }

  init(_ path: String) throws {
    guard !path.isEmpty else { throw Failure("an empty path is neither a mount nor a storage root") }
    let resolved = try MountPoint.resolved(path)
    if let dead = MountPoint.dead(holding: resolved) { throw Failure.serverDied(dead) }
    let mounts = MountPoint.all().filter(\.isWhole)
    if let mount = mounts.last(where: { MountPoint.isPath(resolved, in: $0.path) })
      ?? mounts.last(where: { MountPoint.isPath(resolved, in: $0.root) && $0.isItsRoots })
    {
      if MountPoint.isDead(mount.path) { throw Failure.serverDied(mount) }
      let top = MountPoint.isPath(resolved, in: mount.path) ? mount.path : mount.root
      (root, self.mount) = (mount.root, mount)
      names = Self.names(resolved, below: top)
    } else {
      root = try Target.root(holding: resolved, path)
      mount = nil
      names = Self.names(resolved, below: root)
    }
    try check(path)
  }

  private static func names(_ path: String, below top: String) -> [FileName] {
    MountPoint.names(of: path).dropFirst(MountPoint.names(of: top).count).map { FileName(String($0)) }
  }

  private func check(_ path: String) throws {
    guard !names.isEmpty else { return }
    let place: Place
    do throws(StorageError) {
      place = try StoragePath(names: names).place
    } catch {
      throw Failure("\(path) is no place for images: \(error)")
    }
    switch place {
    case .root, .area, .user, .year, .month, .image: break
    case .rootStats, .rootErrors, .work, .userStats, .temp, .uploads, .session, .chunk, .sessionWork, .marker,
      .sessionStats, .workspace, .workspaceEntry:
      throw Failure("\(path) has no digests; images and thumbnails have them")
    }
    guard (try? Sys.openFile("\(root)/\(folder)")) != nil else {
      throw Failure("\(path) is not there, or cannot be read")
    }
  }

  /// Bytes that are left to verify.
  func size(in root: Root, after: String?) -> Int64 {
    var size: Int64 = 0
    let walk = ImageWalk(
      root: root, below: names, after: MountPoint.names(of: after ?? "").map { FileName(String($0)) })
    // What cannot be read is told when its turn comes.
    _ = walk.run { _, _ in
    } visit: { path, folder in
      if let stat = try? Sys.stat(path.last ?? "", in: folder), stat.isRegularFile {
        size = size.addingClamped(Int64(stat.st_size))
      }
      return true
    }
    return size
  }
}
