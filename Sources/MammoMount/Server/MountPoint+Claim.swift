internal import Glibc
internal import StorageCore
internal import SystemPackage

/// Anybody may mount something that calls itself mammofs, of any storage root: that it is where it is is true, and that
/// it has the root only where somebody says so who may have it.
extension MountPoint {
  /// Whether it is believed that this is the mount of its ``root``.
  package var isItsRoots: Bool {
    if Self.isBelieved(line.user, owner: nil, caller: geteuid()) { return true }
    return Self.isBelieved(line.user, owner: Self.ownerOfLock(ofRoot: root), caller: geteuid())
  }

  /// Whether the caller may have its server do something.
  package var isMine: Bool { geteuid() == 0 || line.user == geteuid() }

  /// - Parameters:
  ///   - user: who mounted it.
  ///   - owner: of the root's lock, which its server keeps.
  static func isBelieved(_ user: uid_t?, owner: uid_t?, caller: uid_t) -> Bool {
    guard let user else { return false }
    return user == 0 || user == caller || user == owner
  }

  private static func ownerOfLock(ofRoot root: String) -> uid_t? {
    guard let folder = try? Root.privateFolder(ofRoot: root) else { return nil }
    return (try? Sys.stat(Layout.lock, in: folder))?.st_uid
  }
}
