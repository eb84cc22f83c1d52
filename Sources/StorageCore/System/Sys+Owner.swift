internal import Glibc
package import SystemPackage

/// What a mode keeps from a server without root's rights, although the file is its own user's.
///
/// Such a server may not open a file of mode 0444 for writing, and may not give it attributes, even by a descriptor that
/// was opened before. But it may change the mode, so the owner's bits are there meanwhile.
extension Sys {
  /// As ``open(_:in:_:mode:)``, of a file that is there, whatever its mode says.
  package static func openAsOwner(
    _ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable, _ flags: CInt
  ) throws(Errno) -> Descriptor {
    let folder = folder.raw
    do throws(Errno) {
      return try open(name, in: folder, flags)
    } catch .permissionDenied {
      let lent = try lendRights(to: SharedDescriptor(openPath(name, in: folder)))
      defer { lent.takeBack() }
      return try open(name, in: folder, flags)
    }
  }

  /// Does one step with a file, whatever its mode says; again with the owner's bits where it is refused without.
  package static func asOwner<Result: ~Copyable>(
    of file: borrowing some DescriptorReference & ~Copyable, _ step: () throws(Errno) -> Result
  ) throws(Errno) -> Result {
    do throws(Errno) {
      return try step()
    } catch .permissionDenied {
      let lent = try lendRights(to: file.raw)
      defer { lent.takeBack() }
      return try step()
    }
  }

  /// Whether that changes the file's mode for a moment, in which somebody may look.
  static func lendsRights(to stat: stat) -> Bool {
    geteuid() != 0 && stat.st_uid == geteuid() && stat.st_mode & 0o600 != 0o600
  }

  /// Gives a file's mode the owner's bits.
  ///
  /// - Throws: `EACCES` where it has them, or is somebody else's.
  static func lendRights<File: DescriptorReference>(to file: File) throws(Errno) -> LentRights<File> {
    let stat = try stat(file)
    let mode = stat.st_mode & 0o7777
    guard stat.isRegularFile, stat.st_uid == geteuid(), mode & 0o600 != 0o600 else { throw .permissionDenied }
    try chmod(file, mode | 0o600)
    return LentRights(file: file, mode: mode)
  }
}

/// A file that has the owner's bits in its mode until they are taken back.
struct LentRights<File: DescriptorReference> {
  fileprivate let file: File
  /// What the mode was.
  fileprivate let mode: mode_t

  /// The mode is what it was. Who owns a file can always change that.
  func takeBack() { try? Sys.chmod(file, mode) }
}
