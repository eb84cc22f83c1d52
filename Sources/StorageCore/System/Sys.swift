internal import CLinux
package import Glibc
package import SystemPackage

/// The one seam through which the storage root is touched: each function is the
/// system call of its name, with C's errno thrown.
///
/// Names are single ones below a descriptor, and what is opened is opened beneath
/// it by ``open(path:in:_:mode:)``, so nothing planted in the root can lead out of it.
package enum Sys {
  /// Turns C's -1 into the errno. Called on the line of the system call, so that nothing comes between.
  @inline(__always)
  static func check(_ result: CInt) throws(Errno) -> CInt {
    guard result >= 0 else { throw Errno(rawValue: errno) }
    return result
  }

  @inline(__always)
  static func check(_ result: Int) throws(Errno) -> Int {
    guard result >= 0 else { throw Errno(rawValue: errno) }
    return result
  }

  /// Repeats a call that a signal cut short.
  @inline(__always)
  static func retrying<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
    while true {
      let result = call()
      if result >= 0 { return result }
      let error = errno
      if error != EINTR { throw Errno(rawValue: error) }
    }
  }

  /// A further number for an open descriptor, which nobody owns. `fcntl(F_DUPFD_CLOEXEC)`
  package static func duplicate(_ descriptor: CInt) throws(Errno) -> CInt { try check(lx_duplicate(descriptor)) }

  // MARK: Opening

  /// `openat2`: the one place where something below the storage root is opened. Never leaves `folder`, never follows
  /// a symbolic link on the way or at its end, never passes the descriptor on.
  ///
  /// - Parameter path: names divided by slashes.
  @inline(never)
  package static func open(
    path: FileName, in folder: borrowing some DescriptorReference & ~Copyable, _ flags: CInt, mode: mode_t = 0
  ) throws(Errno) -> Descriptor {
    let folder = folder.raw
    let raw = try retrying { () -> CInt in
      // A pipe that was planted keeps nobody waiting.
      path.withCString {
        lx_open_beneath(folder, $0, flags | O_CLOEXEC | (flags & lx_O_PATH == 0 ? O_NONBLOCK : 0), mode)
      }
    }
    return Descriptor(owning: raw)
  }

  /// As ``open(path:in:_:mode:)``, one name.
  @inline(__always)
  package static func open(
    _ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable, _ flags: CInt, mode: mode_t = 0
  ) throws(Errno) -> Descriptor {
    let folder = folder.raw
    return try open(path: name, in: folder, flags, mode: mode)
  }

  /// As ``open(_:in:_:mode:)``, of a file that the service keeps for itself: it is regular and has no second name, by
  /// which it could be somebody else's.
  ///
  /// - Throws: `EINVAL` where it is not.
  package static func openOwn(
    _ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable, _ flags: CInt, mode: mode_t = 0
  ) throws(Errno) -> Descriptor {
    let folder = folder.raw
    let file = try open(name, in: folder, flags, mode: mode)
    let stat = try stat(file)
    guard stat.st_mode & S_IFMT == S_IFREG, stat.st_nlink <= 1 else { throw .invalidArgument }
    return file
  }

  /// A descriptor for the name itself, whatever it is.
  @inline(never)
  package static func openPath(_ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable)
    throws(Errno) -> Descriptor
  {
    let folder = folder.raw
    return try open(name, in: folder, lx_O_PATH)
  }

  /// A descriptor for a folder.
  @inline(never)
  package static func openFolder(_ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable)
    throws(Errno) -> Descriptor
  {
    let folder = folder.raw
    return try open(name, in: folder, O_RDONLY | O_DIRECTORY)
  }

  /// The folder that has this one. It may be anywhere, since this one may have been moved: the caller knows by its identity
  /// whether it is one that it has been in.
  static func openParent(of folder: SharedDescriptor) throws(Errno) -> Descriptor {
    let raw = try retrying { () -> CInt in lx_openat(folder.raw, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
    return Descriptor(owning: raw)
  }

  /// A second, independent opening of the same file.
  @inline(never)
  package static func reopen(_ descriptor: borrowing some DescriptorReference & ~Copyable, _ flags: CInt) throws(Errno)
    -> Descriptor
  {
    let descriptor = descriptor.raw
    let raw = try retrying { () -> CInt in
      "/proc/self/fd/\(descriptor)".withCString { lx_openat(AT_FDCWD, $0, flags | O_CLOEXEC, 0) }
    }
    return Descriptor(owning: raw)
  }

  // MARK: Attributes

  @inline(never)
  package static func stat(_ descriptor: borrowing some DescriptorReference & ~Copyable) throws(Errno) -> stat {
    let descriptor = descriptor.raw
    var result = Glibc.stat()
    _ = try check(fstat(descriptor, &result))
    return result
  }

  @inline(never)
  package static func stat(_ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable) throws(Errno)
    -> stat
  {
    let folder = folder.raw
    var result = Glibc.stat()
    _ = try check(name.withCString { fstatat(folder, $0, &result, AT_SYMLINK_NOFOLLOW) })
    return result
  }

  @inline(never)
  package static func chmod(_ descriptor: borrowing some DescriptorReference & ~Copyable, _ mode: mode_t) throws(Errno)
  {
    let descriptor = descriptor.raw
    _ = try check(lx_chmod_descriptor(descriptor, mode))
  }

  @inline(never)
  package static func chown(_ descriptor: borrowing some DescriptorReference & ~Copyable, _ user: uid_t, _ group: gid_t)
    throws(Errno)
  {
    let descriptor = descriptor.raw
    _ = try check(lx_chown_descriptor(descriptor, user, group))
  }

  @inline(never)
  package static func chown(
    _ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable, _ user: uid_t, _ group: gid_t
  ) throws(Errno) {
    let folder = folder.raw
    _ = try check(name.withCString { fchownat(folder, $0, user, group, AT_SYMLINK_NOFOLLOW) })
  }

  @inline(never)
  package static func setTimes(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, _ accessed: timespec, _ modified: timespec
  ) throws(Errno) {
    let descriptor = descriptor.raw
    _ = try check([accessed, modified].withUnsafeBufferPointer { lx_utimens_descriptor(descriptor, $0.baseAddress) })
  }

  @inline(never)
  package static func truncate(_ descriptor: borrowing some DescriptorReference & ~Copyable, to size: Int64)
    throws(Errno)
  {
    let descriptor = descriptor.raw
    _ = try retrying { ftruncate(descriptor, off_t(size)) }
  }

  @inline(never)
  package static func fileSystem(of descriptor: borrowing some DescriptorReference & ~Copyable) throws(Errno) -> statvfs
  {
    let descriptor = descriptor.raw
    var result = statvfs()
    _ = try retrying { fstatvfs(descriptor, &result) }
    return result
  }

  /// Whether the file system is mounted so that reads set times of access, at least now and then.
  @inline(never)
  package static func notesAccess(to descriptor: borrowing some DescriptorReference & ~Copyable) -> Bool {
    guard let figures = try? fileSystem(of: descriptor) else { return false }
    return figures.f_flag & UInt(lx_ST_NOATIME) == 0
  }

  /// What would keep a name from being deleted, as far as that can be known before: `EPERM` for what is immutable, `EBUSY`
  /// for what another file system is mounted on.
  static func obstacle(
    toDeleting name: FileName, in folder: borrowing some DescriptorReference & ~Copyable
  ) throws(Errno) -> Errno? {
    let folder = folder.raw
    let found = try check(name.withCString { lx_fixed(folder, $0) })
    return found == 0 ? nil : Errno(rawValue: found)
  }

  /// Whether nothing can be changed where a file is: its file system, or its mount, is read-only.
  static func isReadOnly(_ descriptor: borrowing some DescriptorReference & ~Copyable) -> Bool {
    let descriptor = descriptor.raw
    return "/proc/self/fd/\(descriptor)".withCString { access($0, W_OK) } != 0 && errno == EROFS
  }

  // MARK: Names

  @inline(never)
  package static func makeFolder(
    _ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable, mode: mode_t
  ) throws(Errno) {
    let folder = folder.raw
    _ = try check(name.withCString { mkdirat(folder, $0, mode) })
  }

  @inline(never)
  package static func unlink(_ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable) throws(Errno)
  {
    let folder = folder.raw
    _ = try check(name.withCString { unlinkat(folder, $0, 0) })
  }

  @inline(never)
  package static func removeFolder(_ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable)
    throws(Errno)
  {
    let folder = folder.raw
    _ = try check(name.withCString { unlinkat(folder, $0, AT_REMOVEDIR) })
  }

  /// `renameat2`. What `RENAME_NOREPLACE` means is kept on every file system: where one knows no such flag,
  /// ``renameOntoFree(_:in:to:in:)`` takes its place.
  @inline(never)
  package static func rename(
    _ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable, to newName: FileName,
    in newFolder: borrowing some DescriptorReference & ~Copyable, flags: UInt32 = 0
  ) throws(Errno) {
    let folder = folder.raw
    let newFolder = newFolder.raw
    let result = name.withCString { old in
      newName.withCString { new in lx_renameat2(folder, old, newFolder, new, flags) }
    }
    do throws(Errno) {
      _ = try check(result)
    } catch {
      guard flags == lx_RENAME_NOREPLACE, error == .invalidArgument || error == .noFunction else { throw error }
      try renameOntoFree(name, in: folder, to: newName, in: newFolder)
    }
  }

  /// `linkat` of what the descriptor holds.
  @inline(never)
  package static func link(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, to name: FileName,
    in folder: borrowing some DescriptorReference & ~Copyable
  ) throws(Errno) {
    let descriptor = descriptor.raw
    let folder = folder.raw
    _ = try check(name.withCString { lx_linkat_descriptor(descriptor, folder, $0) })
  }

  @inline(never)
  package static func makeSymbolicLink(
    _ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable, to target: FileName
  ) throws(Errno) {
    let folder = folder.raw
    let result = target.withCString { value in name.withCString { symlinkat(value, folder, $0) } }
    _ = try check(result)
  }

  @inline(never)
  package static func readSymbolicLink(_ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable)
    throws(Errno) -> [UInt8]
  {
    let folder = folder.raw
    let room = Int(PATH_MAX)
    var length = 0
    let target = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      length = buffer.withMemoryRebound(to: CChar.self) { bytes in
        name.withCString { name in bytes.baseAddress.map { readlinkat(folder, name, $0, room) } ?? -1 }
      }
      count = max(length, 0)
    }
    guard length >= 0 else { throw Errno(rawValue: errno) }
    return target
  }

  @inline(never)
  package static func makeNode(
    _ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable, mode: mode_t, device: dev_t
  ) throws(Errno) {
    let folder = folder.raw
    _ = try check(name.withCString { mknodat(folder, $0, mode, device) })
  }
}
