internal import Glibc
internal import StorageCore
internal import SystemPackage

/// Paths as the kernel's list of mounts spells them: bytes, of which those that show the same are not the same.
extension MountPoint {
  /// The absolute path without links, `.` and `..`, as realpath(3) has it.
  ///
  /// But realpath gives up where something cannot be looked at: in a dead mount, or where a folder is yet to be made.
  /// From there on the path is taken as it is spelled.
  ///
  /// - Throws: for a relative path, where the working directory has no path itself; and where it is, or leads to, what is
  ///   no UTF-8, which in a string would be another path.
  package static func resolved(_ path: String) throws(ServerFailure) -> String {
    let resolved = try spelledOut(path)
    guard !resolved.unicodeScalars.contains("\u{FFFD}") else {
      throw ServerFailure("\(resolved) is not UTF-8 where it shows \u{FFFD}; use folders whose names are")
    }
    return resolved
  }

  private static func spelledOut(_ path: String) throws(ServerFailure) -> String {
    // As for the kernel, an empty path is no path, and not where one stands.
    if path.isEmpty { return "" }
    var done = path.utf8.first == UInt8(ascii: "/") ? [] : names(of: try workingDirectory(for: path))
    var left = Array(names(of: path).reversed())
    // As many as the kernel follows.
    var links = 40
    while let name = left.popLast() {
      switch name {
      case ".": continue
      case "..": _ = done.popLast()
      default:
        guard links > 0, let target = linkTarget("/" + (done + [name]).joined(separator: "/")) else {
          done.append(name)
          continue
        }
        links -= 1
        if target.utf8.first == UInt8(ascii: "/") { done = [] }
        left += names(of: target).reversed()
      }
    }
    return "/" + done.joined(separator: "/")
  }

  /// Whether a path is a folder itself or lies somewhere below it.
  package static func isPath(_ path: String, in folder: String) -> Bool {
    isSame(path, folder) || path.utf8.starts(with: (folder == "/" ? "/" : folder + "/").utf8)
  }

  package static func isSame(_ path: String, _ other: String) -> Bool { path.utf8.elementsEqual(other.utf8) }

  /// The names of which a path consists.
  package static func names(of path: String) -> [Substring] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { Substring($0) }
  }

  private static func workingDirectory(for path: String) throws(ServerFailure) -> String {
    do throws(Errno) {
      return try Sys.realPath(".")
    } catch .noSuchFileOrDirectory {
      throw ServerFailure("the working directory is gone, so \(path) means nothing; change to one that is there")
    } catch {
      throw ServerFailure("cannot look at the working directory: \(error)")
    }
  }

  /// Where a symbolic link leads; `nil` for what is none, and for what cannot be asked.
  private static func linkTarget(_ path: String) -> String? {
    // Long enough for any: the kernel allows PATH_MAX bytes with the zero.
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink(path, &buffer, buffer.count)
    guard length > 0 else { return nil }
    return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
