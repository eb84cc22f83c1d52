package import Glibc
package import SystemPackage

/// What only the workspace has: links, devices, pipes, sockets.
extension Namespace {
  /// Gives a file of the workspace one more name. The caller is within the gate.
  ///
  /// - Parameter home: a folder in which the file has a name.
  package func link(
    _ file: SharedDescriptor, _ identity: FileIdentity, in home: FileIdentity?, as name: FileName, in folder: CInt
  ) throws(Errno) {
    if let home, storage.ledger.isCounting {
      let stat = try Sys.stat(file)
      let size = storage.openFiles?.bookedSize(identity) ?? Int64(stat.st_size)
      storage.ledger.willLink(
        identity, from: home, to: FileIdentity(try Sys.stat(folder)), Tally(size: size, count: 1))
    }
    try Sys.link(file, to: name, in: folder)
  }

  /// Books what was made in the workspace. The caller is within the gate.
  package func made(_ stat: stat, in folder: FileIdentity) {
    guard stat.isRegularFile, stat.st_nlink == 1 else { return }
    storage.ledger.record(
      Tally(size: Int64(stat.st_size), count: 1), to: .temp, in: folder, file: FileIdentity(stat))
  }
}
