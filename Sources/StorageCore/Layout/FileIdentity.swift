package import Glibc

/// Which file it is, whatever its names.
package struct FileIdentity: Hashable, Sendable {
  package let device: UInt64
  package let inode: UInt64

  package init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }

  package init(_ stat: stat) { self.init(device: UInt64(stat.st_dev), inode: UInt64(stat.st_ino)) }
}

extension stat {
  package var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
  package var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
  package var isSymbolicLink: Bool { st_mode & S_IFMT == S_IFLNK }
}
