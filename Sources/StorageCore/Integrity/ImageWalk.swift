internal import Glibc
package import SystemPackage

/// Goes through images and thumbnails in the order of their names' bytes, so that it can go on behind any of them.
package struct ImageWalk {
  let root: Root
  /// Where to begin, from the root on: nothing, a folder, or one file.
  let below: [FileName]
  /// The last file that is done with.
  let after: [FileName]

  package init(root: Root, below: [FileName], after: [FileName] = []) {
    self.root = root
    self.below = below
    self.after = after
  }

  /// - Parameters:
  ///   - failed: told of a folder that cannot be read.
  ///   - visit: gets each file's path and its folder; false ends the walk.
  /// - Returns: whether it came to its end.
  package func run(
    failed: ([FileName], Errno) -> Void, visit: ([FileName], SharedDescriptor) -> Bool
  ) -> Bool {
    do throws(Errno) {
      let folder = SharedDescriptor(try root.openFolder([]))
      return walk(folder, .root, [], after: after[...], failed, visit)
    } catch {
      failed([], error)
      return true
    }
  }

  private func walk(
    _ folder: SharedDescriptor, _ place: Place, _ path: [FileName], after: ArraySlice<FileName>?,
    _ failed: ([FileName], Errno) -> Void, _ visit: ([FileName], SharedDescriptor) -> Bool
  ) -> Bool {
    let names: [FileName]
    do throws(Errno) {
      names = try self.names(in: folder, path)
    } catch {
      failed(path, error)
      return true
    }
    for name in names {
      // What lies before the last one that is done with is done with, too.
      var rest: ArraySlice<FileName>?
      if let last = after?.first {
        if name.precedes(last) { continue }
        if name == last { rest = after?.dropFirst() }
      }
      guard let child = try? place.child(name) else { continue }
      switch child {
      case .image:
        if name == after?.first { continue }
        guard visit(path + [name], folder) else { return false }
      case .area, .user, .year, .month:
        do throws(Errno) {
          let next = SharedDescriptor(try Sys.openFolder(name, in: folder))
          guard walk(next, child, path + [name], after: rest, failed, visit) else { return false }
        } catch .noSuchFileOrDirectory {
          continue
        } catch .notDirectory {
          continue
        } catch .tooManySymbolicLinkLevels {
          continue
        } catch {
          failed(path + [name], error)
        }
      case .root, .rootStats, .rootErrors, .work, .userStats, .temp, .uploads, .session, .chunk, .sessionWork, .marker,
        .sessionStats, .workspace, .workspaceEntry:
        continue
      }
    }
    return true
  }

  /// The names to be looked at in a folder, in order.
  private func names(in folder: SharedDescriptor, _ path: [FileName]) throws(Errno) -> [FileName] {
    if path.count < below.count { return [below[path.count]] }
    return try FolderStream.all(of: folder).map(\.name).sorted { $0.precedes($1) }
  }
}

extension FileName {
  /// Whether it comes first in the order of bytes.
  func precedes(_ other: FileName) -> Bool { nulTerminated.lexicographicallyPrecedes(other.nulTerminated) }
}
