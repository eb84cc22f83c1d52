internal import CLinux
internal import Glibc
internal import SystemPackage

/// What a run leaves in the lock of a storage root, by which the next can tell what it may believe of what it finds.
struct RunMark: Equatable {
  /// The boot of the machine.
  var boot = ""
  /// The mounting of the file system; empty where it cannot be told from an earlier one, as of other types than ext4, XFS
  /// and F2FS before Linux 6.8.
  var disk = ""
  /// The file system, and the lock's inode number in it.
  var files = ""

  init() {}

  /// The present one, of a root's lock.
  init(of lock: CInt) {
    boot = Self.bootOfMachine
    disk = Self.mounting(of: lock)
    files = (try? Sys.stat(lock)).map { "\(String(lx_filesystem_id(lock), radix: 16)) \($0.st_ino)" } ?? ""
  }

  /// Whether the page cache still holds what a run wrote and what perhaps is not on disk: it goes with the boot of the
  /// machine, and with the mounting of the disk, which may drop and be mounted again while the machine runs. Where that
  /// cannot be told, it does not.
  func hasCache(of run: RunMark) -> Bool {
    isKnown && boot == run.boot && disk == run.disk
  }

  /// Whether inode numbers that a run noted are those of the same files still: in a copy of the storage root they are not.
  func hasNumbers(of run: RunMark) -> Bool { files == run.files && !files.isEmpty }

  private var isKnown: Bool { boot != Self.unknown && !disk.isEmpty }

  private static let unknown = "unknown"

  private static var bootOfMachine: String {
    guard let file = try? Sys.openFile("/proc/sys/kernel/random/boot_id"), let bytes = try? Sys.readUnsized(file) else {
      return unknown
    }
    return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
  }

  private static func mounting(of file: CInt) -> String {
    var (major, minor): (UInt32, UInt32) = (0, 0)
    guard lx_device_of(file, &major, &minor) == 0 else { return "" }
    let device = "\(major):\(minor)"
    // A file system makes its folder there when it is mounted first, and numbers in sysfs do not come back.
    if let name = (try? Sys.realPath("/sys/dev/block/\(device)"))?.split(separator: "/").last {
      for type in ["ext4", "xfs", "f2fs"] {
        if let folder = try? Sys.openFile("/sys/fs/\(type)/\(name)"), let number = try? Sys.stat(folder).st_ino {
          return "\(device) \(type) \(number)"
        }
      }
    }
    // Of others no mounting is told of, but of their places in the tree: a number that does not come back, either. The same
    // file system at another place is taken for mounted anew, which costs a look at what was left.
    let place = lx_mount_number(file)
    return place == 0 ? "" : "mount \(place)"
  }
}
