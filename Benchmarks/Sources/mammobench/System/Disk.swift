import CLinux
import Glibc

/// The file system that all targets share.
struct Disk: Sendable {
  /// A folder on it.
  let path: String

  /// Writes out all that is in memory only. Not sync(2): other disks of the machine are none of a run's business.
  func sync() throws(Failure) {
    let folder = try File(path)
    guard syncfs(folder.raw) == 0 else { throw .system("syncfs", path) }
  }

  /// Bytes written so far to the block device; nil where the file system has none of its own.
  func bytesWritten() throws(Failure) -> Int? {
    let device = try Paths.status(path).st_dev
    guard let text = try? Kernel.text(of: "/sys/dev/block/\(major(device)):\(minor(device))/stat") else { return nil }
    // The seventh figure counts sectors of 512 bytes, whatever the device's own size of them is.
    let fields = text.split(separator: " ", omittingEmptySubsequences: true)
    return fields.count > 6 ? Int(fields[6]).map { $0 * 512 } : nil
  }

  // The macros of sys/sysmacros.h do not import.
  private func major(_ device: dev_t) -> dev_t { (device >> 8) & 0xfff | (device >> 32) & ~0xfff }
  private func minor(_ device: dev_t) -> dev_t { device & 0xff | (device >> 12) & ~0xff }
}
