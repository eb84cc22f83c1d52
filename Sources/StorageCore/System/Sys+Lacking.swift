internal import CLinux
internal import Glibc
package import SystemPackage

/// What takes the place of calls that a file system below does not have. What each file system has is in
/// ``RootAbilities``; these go by the call's own answer, because another one may be mounted below the storage root.
extension Sys {
  /// `renameat2` with `RENAME_NOREPLACE`, where the file system knows no flags of it (NFS, CephFS, GlusterFS, most FUSE, and
  /// ZFS before 2.2): the file gets its second name, which fails where there is one, and then loses its first.
  ///
  /// Whoever is killed in between leaves a file with both names, which ``Recovery`` knows, and so does the same call later.
  static func renameOntoFree(
    _ name: FileName, in folder: CInt, to newName: FileName, in newFolder: CInt
  ) throws(Errno) {
    do throws(Errno) {
      try link(name, in: folder, to: newName, in: newFolder)
    } catch {
      guard error.isLackOfLinks else { throw error }
      // A folder, or no links at all. The storage root has one owner, and whoever gives a name holds its folder's lock.
      guard (try presence(of: newName, in: newFolder)) == nil else { throw .fileExists }
      return try rename(name, in: folder, to: newName, in: newFolder)
    }
    do throws(Errno) {
      try unlink(name, in: folder)
    } catch {
      // Where this fails, too, the next start finds both.
      try? unlink(newName, in: newFolder)
      throw error
    }
  }

  /// `linkat` of one name to another. That the other is the same file's already is what an earlier server has left.
  static func link(_ name: FileName, in folder: CInt, to newName: FileName, in newFolder: CInt) throws(Errno) {
    let result = name.withCString { old in newName.withCString { new in linkat(folder, old, newFolder, new, 0) } }
    do throws(Errno) {
      _ = try check(result)
    } catch .fileExists {
      guard let there = try presence(of: newName, in: newFolder), let own = try presence(of: name, in: folder),
        FileIdentity(there) == FileIdentity(own)
      else { throw .fileExists }
    }
  }

  private static func presence(of name: FileName, in folder: CInt) throws(Errno) -> stat? {
    do throws(Errno) { return try stat(name, in: folder) } catch .noSuchFileOrDirectory { return nil }
  }

  /// `fsync` of a folder: the names in it are on disk. Where the file system has that for files only, all of it is
  /// synchronised.
  @inline(never)
  package static func synchronizeFolder(_ folder: borrowing some DescriptorReference & ~Copyable) throws(Errno) {
    let folder = folder.raw
    do throws(Errno) {
      try synchronize(folder)
    } catch {
      guard error.isLackOfCall else { throw error }
      _ = try retrying { lx_syncfs(folder) }
    }
  }
}

extension Errno {
  /// That a file system does not have what was asked of it.
  var isLackOfCall: Bool { [.invalidArgument, .notSupported, .noFunction].contains(self) }

  /// What `linkat` says where a file can have one name only.
  var isLackOfLinks: Bool { [.notPermitted, .notSupported, .noFunction, .tooManyLinks].contains(self) }
}
