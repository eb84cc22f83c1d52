internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// Who writes to a file of somebody's leaves it without set-user-ID and set-group-ID, unless it is root.
///
/// The kernel leaves that to the server, which need not be asked before each write then.
extension MountTree {
  /// Before the first write or truncation that the server sees.
  func clearPrivileges(_ inode: OpenInode, by descriptor: SharedDescriptor, _ caller: Caller) throws(Errno) {
    guard caller.user != 0, inode.booking.withLock({ $0.hasPrivileges }) else { return }
    try clearPrivileges(inode.node, by: descriptor)
    inode.booking.withLock { $0.hasPrivileges = false }
  }

  /// As an open for writing begins whose writes nobody sees, because the kernel serves the file already.
  func clearPrivilegesUnseen(
    _ node: NodeID, _ handle: HandleTable.Handle?, _ isWriting: Bool, _ caller: Caller
  ) throws(Errno) {
    guard isWriting, caller.user != 0, case .file(let file)? = handle, file.inode.backing != nil else { return }
    try clearPrivileges(node, by: file.descriptor)
  }

  /// Of a file that may or may not be open.
  func clearPrivileges(_ node: NodeID, by descriptor: SharedDescriptor) throws(Errno) {
    let mode = try Sys.stat(descriptor).st_mode
    let cleared = Self.withoutPrivileges(mode)
    guard cleared != mode else { return }
    try Sys.chmod(descriptor, cleared & 0o7777)
    notifier?.invalidateAttributes(of: node)
  }

  /// Set-group-ID without execution by the group means something else and stays.
  static func withoutPrivileges(_ mode: mode_t) -> mode_t {
    var mode = mode & ~mode_t(S_ISUID)
    if mode & S_IXGRP != 0 { mode &= ~mode_t(S_ISGID) }
    return mode
  }
}
