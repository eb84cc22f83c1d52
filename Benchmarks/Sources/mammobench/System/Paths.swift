import Glibc

/// What is done by path.
enum Paths {
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// The folder and those above it that are missing.
  static func makeFolders(_ path: String) throws(Failure) {
    guard !exists(path) else { return }
    if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try makeFolders(String(path[..<slash])) }
    guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw .system("mkdir", path) }
  }

  @discardableResult
  static func status(_ path: String) throws(Failure) -> stat {
    var result = stat()
    guard stat(path, &result) == 0 else { throw .system("stat", path) }
    return result
  }

  /// `isMissingFine`: for what an earlier round may have left.
  static func unlink(_ path: String, isMissingFine: Bool = false) throws(Failure) {
    guard Glibc.unlink(path) == 0 || (isMissingFine && errno == ENOENT) else { throw .system("unlink", path) }
  }

  /// The folder and all in it, if it is there.
  static func removeTree(_ path: String) throws(Failure) {
    guard exists(path) else { return }
    for name in try names(in: path) {
      let inner = path + "/" + name
      var status = stat()
      guard lstat(inner, &status) == 0 else { throw .system("lstat", inner) }
      if status.st_mode & S_IFMT == S_IFDIR { try removeTree(inner) } else { try unlink(inner) }
    }
    guard rmdir(path) == 0 else { throw .system("rmdir", path) }
  }

  static func names(in path: String) throws(Failure) -> [String] {
    var names: [String] = []
    try list(path) { entry in names.append(String(cString: name(of: entry))) }
    return names
  }

  /// Calls `each` for what the folder holds, but for `.` and `..`; returns how many that were.
  @discardableResult
  static func list(_ path: String, _ each: (UnsafeMutablePointer<dirent>) -> Void) throws(Failure) -> Int {
    guard let stream = opendir(path) else { throw .system("opendir", path) }
    defer { closedir(stream) }
    var count = 0
    errno = 0
    while let entry = readdir(stream) {
      guard !isDot(entry) else { continue }
      each(entry)
      count += 1
    }
    guard errno == 0 else { throw .system("readdir", path) }
    return count
  }

  /// As `ls -l`: each entry is looked at as soon as it is read; returns how many there were.
  static func listWithStatus(_ path: String) throws(Failure) -> Int {
    guard let stream = opendir(path) else { throw .system("opendir", path) }
    defer { closedir(stream) }
    let folder = dirfd(stream)
    var count = 0
    var status = stat()
    errno = 0
    while let entry = readdir(stream) {
      guard !isDot(entry) else { continue }
      guard fstatat(folder, name(of: entry), &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw .system("fstatat", path) }
      count += 1
    }
    guard errno == 0 else { throw .system("readdir", path) }
    return count
  }

  private static let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 19

  private static func name(of entry: UnsafeMutablePointer<dirent>) -> UnsafePointer<CChar> {
    UnsafeRawPointer(entry).advanced(by: nameOffset).assumingMemoryBound(to: CChar.self)
  }

  private static func isDot(_ entry: UnsafeMutablePointer<dirent>) -> Bool {
    let name = name(of: entry)
    return name[0] == 46 && (name[1] == 0 || (name[1] == 46 && name[2] == 0))
  }
}
