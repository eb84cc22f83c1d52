internal import CLinux
internal import Glibc
internal import SystemPackage

/// The lock on a storage root, which dies with its owner.
package struct RootLock: Sendable {
  package let descriptor: SharedDescriptor
  /// Whether the last owner ran in this boot of the machine, so that the page cache still holds what it wrote.
  let sameBoot: Bool
  private let user: String

  /// Takes the root into sole use.
  static func take(_ root: Root, by user: String) throws(StorageError) -> RootLock {
    let file = try StorageError.wrap("opening the storage root's lock") { () throws(Errno) in
      let folder = try root.makeFolders([Layout.privateFolder], owner: nil)
      return try Sys.openOwn(Layout.lock, in: folder, O_RDWR | O_CREAT, mode: mode_t(Layout.fileMode))
    }
    guard lx_flock(file.raw, 1, 0) == 0 else {
      let error = errno
      guard error == EWOULDBLOCK else { throw .system(Errno(rawValue: error), doing: "locking the storage root") }
      throw .inUse(Content(of: file.raw).user)
    }
    return try RootLock(SharedDescriptor(file), by: user)
  }

  /// Goes on with a lock that a process took which has ended; the descriptor outlived it.
  init(inherited descriptor: CInt, by user: String) throws(StorageError) {
    try self.init(SharedDescriptor(Descriptor(owning: descriptor)), by: user)
  }

  private init(_ file: SharedDescriptor, by user: String) throws(StorageError) {
    let before = Content(of: file.raw)
    descriptor = file
    sameBoot = before.boot == Self.boot()
    self.user = user
    try write(boot: before.boot)
  }

  /// Notes that what an earlier run left is in order. Until then the lock names the boot of that run: a start that is
  /// itself cut off must not have the next one trust what the power failure left.
  func recovered() throws(StorageError) { try write(boot: Self.boot()) }

  private func write(boot: String) throws(StorageError) {
    let text = Array("boot \(boot)\nprocess \(getpid())\nuser \(user)\n".utf8)
    try StorageError.wrap("writing the storage root's lock") { () throws(Errno) in
      // In this order, so that whoever reads it meanwhile finds all lines: at worst, with a rest of the last behind them.
      try Sys.writeAll(descriptor, at: 0, text)
      try Sys.truncate(descriptor, to: Int64(text.count))
    }
  }

  struct Content {
    var boot = ""
    var process: pid_t?
    var user = "another program"

    init(of descriptor: CInt) {
      let bytes = (try? Sys.readAll(descriptor, limit: 4096)) ?? []
      for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
        if line.hasPrefix("boot ") { boot = String(line.dropFirst(5)) }
        if line.hasPrefix("process ") { process = pid_t(line.dropFirst(8)) }
        if line.hasPrefix("user ") { user = String(line.dropFirst(5)) }
      }
    }
  }

  /// What is written in the lock of a root.
  static func content(root: String) -> Content? {
    guard let file = try? Root.openOwn(Layout.lock, ofRoot: root) else { return nil }
    return Content(of: file.raw)
  }

  private static func boot() -> String {
    guard let file = try? Sys.openFile("/proc/sys/kernel/random/boot_id"),
      let bytes = try? Sys.readUnsized(file)
    else { return "unknown" }
    return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
  }
}
