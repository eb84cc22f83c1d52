internal import Glibc
internal import SystemPackage

/// The deletion of what a cleanup has chosen.
extension Sweep {
  /// Deletes a file unless somebody has opened it. The caller holds the folder's lock.
  ///
  /// - Parameter evenIfOpen: who has it open keeps it until it is closed.
  func unlink(
    _ name: FileName, in folder: CInt, _ here: FileIdentity, evenIfOpen: Bool = false
  ) throws(Errno) -> Bool {
    do throws(Errno) {
      _ = try storage.losing(name, in: folder, here, from: .temp) { () throws(Errno) in
        // With its lock: nobody opens it meanwhile.
        if !evenIfOpen, isOpen(try Sys.stat(name, in: folder)) { throw .resourceBusy }
        try Sys.unlink(name, in: folder)
      }
      return true
    } catch .resourceBusy {
      return false
    }
  }

  /// Deletes what an earlier server was deleting when it ended.
  func deleteLeftovers(_ aside: SetAside, _ report: inout CleanupReport) {
    let path = Layout.path([Layout.privateFolder, Layout.setAside, Layout.deleting])
    let names = attempt(path, &report) { () throws(Errno) in try FolderStream.all(of: aside.deleting).map(\.name) }
    for name in names ?? [] {
      _ = attempt("\(path)/\(name)", &report) { () throws(Errno) in
        var deletion = Deletion(isCounted: false)
        do throws(Errno) {
          _ = try delete(name, in: aside.deleting, &deletion)
        } catch .canceled {
          return
        }
      }
    }
  }

  /// The deletion of a folder.
  struct Deletion {
    /// Whether the figures have what is in it.
    let isCounted: Bool
    /// Something is gone: what is left is no whole any more, and goes, too.
    var hasBegun = false
  }

  /// Deletes a folder that was set aside; false where somebody who stands in it had opened something before anything was
  /// deleted.
  ///
  /// - Throws: `ECANCELED` where the storage is being closed.
  func delete(_ name: FileName, in folder: SharedDescriptor, _ deletion: inout Deletion) throws(Errno) -> Bool {
    var cursor = try FolderCursor(at: SharedDescriptor(try Sys.openFolder(name, in: folder)))
    guard let first = try deleteFiles(in: cursor, &deletion) else { return false }
    var left = [first]
    var entered: [FileName] = []
    while true {
      if let next = left[left.count - 1].popLast() {
        try cursor.enter(next)
        guard let folders = try deleteFiles(in: cursor, &deletion) else { return false }
        left.append(folders)
        entered.append(next)
      } else if let last = entered.popLast() {
        guard try cursor.leave() == 1 else { throw .staleNFSFileHandle }
        left.removeLast()
        try deleteFolder(last, in: cursor.folder, cursor.identity)
        deletion.hasBegun = true
      } else {
        try deleteFolder(name, in: folder, FileIdentity(try Sys.stat(folder)))
        return true
      }
    }
  }

  /// Deletes the files of one folder; returns the folders in it, or `nil` as above.
  private func deleteFiles(in cursor: FolderCursor, _ deletion: inout Deletion) throws(Errno) -> [FileName]? {
    var folders: [FileName] = []
    if deletion.isCounted, !deletion.hasBegun, isOpen(try Sys.stat(cursor.folder)) { return nil }
    for entry in try FolderStream.all(of: cursor.folder) {
      if storage.isStopping { throw .canceled }
      if try Sys.stat(entry.name, in: cursor.folder).isFolder {
        folders.append(entry.name)
      } else if deletion.isCounted {
        let hasBegun = deletion.hasBegun
        let isGone = try storage.gate.changing { () throws(Errno) in
          try storage.names.holding(cursor.identity) { () throws(Errno) in
            try unlink(entry.name, in: cursor.folder.raw, cursor.identity, evenIfOpen: hasBegun)
          }
        }
        guard isGone else { return nil }
        deletion.hasBegun = true
      } else {
        try Sys.unlink(entry.name, in: cursor.folder)
      }
    }
    return folders
  }

  private func deleteFolder(_ name: FileName, in folder: SharedDescriptor, _ here: FileIdentity) throws(Errno) {
    try storage.gate.changing { () throws(Errno) in
      try storage.names.holding(here) { () throws(Errno) in
        let held = SharedDescriptor(try Sys.openPath(name, in: folder))
        try Sys.removeFolder(name, in: folder)
        _ = storage.observer?.unlinked(FileIdentity(try Sys.stat(held)), held, by: .deleted)
      }
    }
  }
}
