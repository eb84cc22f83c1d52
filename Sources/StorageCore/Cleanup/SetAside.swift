internal import CLinux
internal import Glibc
internal import SystemPackage

/// Where a cleanup takes what lies directly in the workspace before it deletes it: `.mammofs/cleanup`.
///
/// A folder with all in it leaves the workspace by one rename. So nobody ever finds half of it there, however the deletion
/// ends. It first goes to `checking`, under its own name, where it is looked through once more: somebody may have begun to
/// use it meanwhile, and then it goes back. Only from `deleting` things do not come back after a crash.
struct SetAside {
  let checking: SharedDescriptor
  let deleting: SharedDescriptor

  static let path = [Layout.privateFolder, Layout.setAside]

  /// Makes the folders where they are missing: not at a start, which may be on a disk without room for them.
  init(of root: Root) throws(Errno) {
    checking = SharedDescriptor(try root.makeFolders(Self.path + [Layout.checking], owner: nil))
    deleting = SharedDescriptor(try root.makeFolders(Self.path + [Layout.deleting], owner: nil))
  }

  /// So many names are tried.
  private static let limit = 1000

  /// Puts back what a server that ended was still checking. Another may have its name by now.
  ///
  /// - Returns: the names in the workspace, of which a kernel may believe that they lead nowhere.
  static func putBack(in root: Root, _ refusals: RefusalLog) -> [FileName] {
    var names: [FileName] = []
    do throws(Errno) {
      let checking = SharedDescriptor(try root.openFolder(path + [Layout.checking]))
      let workspace = SharedDescriptor(try root.openFolder(Layout.workspacePath))
      for entry in try FolderStream.all(of: checking) {
        do throws(Errno) {
          names.append(try putBack(entry.name, from: checking, to: workspace))
        } catch {
          refusals.add(
            operation: "recover", path: Layout.path(path + [Layout.checking, entry.name]), errno: error,
            advice: "belongs into temp/processing and could not be put back; the next mount tries again")
        }
      }
    } catch .noSuchFileOrDirectory {
      // No cleanup has been here yet.
    } catch {
      refusals.add(
        operation: "recover", path: Layout.path(path), errno: error,
        advice: "could not be looked into; the next mount tries again")
    }
    return names
  }

  private static func putBack(
    _ name: FileName, from folder: SharedDescriptor, to workspace: SharedDescriptor
  ) throws(Errno) -> FileName {
    for number in 1...limit {
      let suffix = number == 1 ? "" : "-\(number)"
      let target = FileName(bytes: name.bytes.prefix(255 - suffix.utf8.count) + suffix.utf8)
      do throws(Errno) {
        try Sys.rename(name, in: folder, to: target, in: workspace, flags: Staging.noReplace)
        return target
      } catch .fileExists {
        continue
      }
    }
    throw .fileExists
  }
}
