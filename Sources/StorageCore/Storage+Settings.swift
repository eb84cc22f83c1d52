package import Glibc
internal import SystemPackage

/// What a store was asked to be.
extension Storage {
  /// Takes what is kept; what cannot be read is as if it were not there, which opens nothing to anybody.
  func loadSettings(_ privateFolder: CInt) {
    do throws(Errno) {
      if let settings = try StoreSettings.load(from: privateFolder) { root.settings = settings }
    } catch {
      refusals.add(
        operation: "mount", path: Layout.path([Layout.privateFolder, Layout.settings]), errno: error,
        advice:
          "the store's settings cannot be read, so new folders are 0750 and the mount has the storage root's mode; "
          + "unmount, and run mammofs init again")
    }
  }

  /// The mode that the mount's top has for a caller, and whose it is, where that is not the storage root's.
  package var top: StoreSettings.Top? { root.settings.top }

  /// Mode of new folders outside the workspace.
  package var folderMode: UInt32 { root.settings.folderMode }

  /// Changes mode or owner of the mount's top in a store where the storage root's own is closed.
  ///
  /// - Returns: false where it is not: the folder itself is to be changed.
  package func changeTop(mode: UInt32?, user: uid_t?, group: gid_t?) throws(StorageError) -> Bool {
    guard mode != nil || user != nil || group != nil else { return false }
    return try names.holding(rootIdentity()) { () throws(StorageError) in
      var settings = root.settings
      guard var top = settings.top else { return false }
      top.mode = mode ?? top.mode
      top.owner = Owner(user: user ?? top.owner.user, group: group ?? top.owner.group)
      settings.top = top
      try save(settings)
      return true
    }
  }

  /// Shares the store with a group, or sets the mode of new folders. What is `nil` stays.
  ///
  /// The storage root's folder is closed first: whoever could enter it would be past every rule of the mount.
  package func configure(folderMode: UInt32?, group: gid_t?) throws(StorageError) {
    var settings = root.settings
    settings.folderMode = folderMode ?? settings.folderMode
    if let group {
      try StorageError.wrap("closing the storage root's folder to all but the server") { () throws(Errno) in
        let folder = try Sys.reopen(root.descriptor, O_RDONLY | O_DIRECTORY)
        try Sys.chmod(folder, 0o700)
        if try Sys.stat(folder).st_uid != geteuid() { try Sys.chown(folder, geteuid(), getegid()) }
      }
      for names in Layout.folders where names.first != Layout.privateFolder {
        let isShared = names != [Layout.uploadsPath[0]]
        try StorageError.wrap("giving \(Layout.path(names)) to the group") { () throws(Errno) in
          let folder = try root.openFolder(names)
          try Sys.chown(folder, uid_t.max, group)
          // Sticky: members make folders there, and none takes away another's. In `temp` nothing is made.
          try Sys.chmod(folder, isShared ? 0o3770 : 0o750)
        }
      }
      settings.top = StoreSettings.Top(mode: 0o750, owner: Owner(user: geteuid(), group: group))
    }
    try save(settings)
  }

  private func save(_ settings: StoreSettings) throws(StorageError) {
    let folder = try StorageError.wrap("opening the private folder") { () throws(Errno) in
      try root.openFolder([Layout.privateFolder])
    }
    try settings.save(in: folder.raw)
    root.settings = settings
  }

  private func rootIdentity() throws(StorageError) -> FileIdentity {
    try StorageError.wrap("looking at the storage root") { () throws(Errno) in
      FileIdentity(try Sys.stat(root.descriptor))
    }
  }
}
