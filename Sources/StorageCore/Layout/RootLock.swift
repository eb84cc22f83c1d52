internal import CLinux
internal import Glibc
internal import SystemPackage

/// The lock on a storage root, which dies with its owner.
package struct RootLock: Sendable {
  package let descriptor: SharedDescriptor
  /// Whether the page cache still holds what the last owner wrote.
  let isCacheKept: Bool
  /// Whether inode numbers that it noted mean the same files.
  let areNumbersKept: Bool
  /// Nothing in the storage root can be changed, and the lock says who had it last.
  let isReadOnly: Bool
  private let mark: RunMark
  private let user: String

  /// Takes the root into sole use.
  ///
  /// - Parameter onlyToRead: it may be on a file system on which nothing can be changed.
  static func take(_ root: Root, at path: String, by user: String, onlyToRead: Bool) throws(StorageError) -> RootLock {
    let file: Descriptor
    do throws(Errno) {
      let folder = try root.makeFolders([Layout.privateFolder], owner: nil)
      file = try Sys.openOwn(Layout.lock, in: folder, O_RDWR | O_CREAT, mode: mode_t(Layout.fileMode))
    } catch .readOnlyFileSystem {
      guard onlyToRead else { throw .readOnlyRoot(path) }
      file = try StorageError.wrap("opening the storage root's lock") { () throws(Errno) in
        try Sys.openOwn(Layout.lock, in: try root.openFolder([Layout.privateFolder]), O_RDONLY)
      }
    } catch {
      throw .system(error, doing: "opening the storage root's lock")
    }
    guard lx_flock(file.raw, 1, 0) == 0 else {
      let error = errno
      guard error == EWOULDBLOCK else { throw .system(Errno(rawValue: error), doing: "locking the storage root") }
      throw .inUse(Self.canBeWritten(file) ? Content(of: file.raw).user : "another program")
    }
    return try RootLock(SharedDescriptor(file), by: user)
  }

  /// Goes on with a lock that a process took which has ended; the descriptor outlived it.
  init(inherited descriptor: CInt, by user: String) throws(StorageError) {
    // What that process had open is open still.
    try self.init(SharedDescriptor(Descriptor(owning: descriptor)), by: user, isInherited: true)
  }

  private init(_ file: SharedDescriptor, by user: String, isInherited: Bool = false) throws(StorageError) {
    let before = Content(of: file.raw)
    descriptor = file
    isReadOnly = !Self.canBeWritten(file)
    mark = RunMark(of: file.raw)
    isCacheKept = isInherited || mark.hasCache(of: before.mark)
    areNumbersKept = isInherited || mark.hasNumbers(of: before.mark)
    self.user = user
    try write(before.mark)
  }

  /// Notes that what an earlier run left is in order. Until then the lock names what that run had: a start that is
  /// itself cut off must not have the next one trust what the power failure left.
  func recovered() throws(StorageError) { try write(mark) }

  private static func canBeWritten(_ lock: borrowing some DescriptorReference & ~Copyable) -> Bool {
    fcntl(lock.raw, F_GETFL) & O_ACCMODE != O_RDONLY
  }

  private func write(_ mark: RunMark) throws(StorageError) {
    if isReadOnly { return }
    let lines = "boot \(mark.boot)\ndisk \(mark.disk)\nfiles \(mark.files)\n"
    let text = Array("\(lines)process \(getpid())\nuser \(user)\n".utf8)
    try StorageError.wrap("writing the storage root's lock") { () throws(Errno) in
      // In this order, so that whoever reads it meanwhile finds all lines: at worst, with a rest of the last behind them.
      try Sys.writeAll(descriptor, at: 0, text)
      try Sys.truncate(descriptor, to: Int64(text.count))
    }
  }

  struct Content {
    var mark = RunMark()
    var process: pid_t?
    var user = "another program"

    init(of descriptor: CInt) {
      let bytes = (try? Sys.readAll(descriptor, limit: 4096)) ?? []
      for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
        if line.hasPrefix("boot ") { mark.boot = String(line.dropFirst(5)) }
        if line.hasPrefix("disk ") { mark.disk = String(line.dropFirst(5)) }
        if line.hasPrefix("files ") { mark.files = String(line.dropFirst(6)) }
        if line.hasPrefix("process ") { process = pid_t(line.dropFirst(8)) }
        if line.hasPrefix("user ") { user = String(line.dropFirst(5)) }
      }
    }
  }

  /// What is written in the lock of a root; `nil` where whoever has it could not write there.
  static func content(root: String) -> Content? {
    guard let file = try? Root.openOwn(Layout.lock, ofRoot: root), !Sys.isReadOnly(file) else { return nil }
    return Content(of: file.raw)
  }
}
