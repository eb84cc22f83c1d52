internal import Glibc
internal import SystemPackage

/// What a command found when it brought a storage root in order that a server had left in a crash: only the first start
/// after a crash finds it, and only a mount shows it. So a command leaves it for the next mount.
extension Storage {
  /// Adds the lines of ``refusals`` to those that the next mount shows, on disk when this returns.
  package func keepRefusals() throws(StorageError) {
    let lines = refusals.text
    guard !lines.isEmpty else { return }
    try StorageError.wrap("keeping what was recovered for the next mount") { () throws(Errno) in
      let folder = try root.openFolder([Layout.privateFolder])
      let file = try Sys.openOwn(Layout.kept, in: folder, O_WRONLY | O_CREAT, mode: mode_t(Layout.fileMode))
      try Sys.writeAll(file, at: Int64(Sys.stat(file).st_size), lines)
      try Sys.synchronize(file)
      try Sys.synchronize(folder)
    }
  }

  /// Takes the lines that were kept into ``refusals``, and returns them. They go once they are there: a server that is
  /// killed before that shows them twice rather than never.
  package func recallRefusals() throws(StorageError) -> [String] {
    try StorageError.wrap("reading what was recovered before") { () throws(Errno) in
      let folder = try root.openFolder([Layout.privateFolder])
      let bytes: [UInt8]
      do throws(Errno) {
        bytes = try Sys.readAll(Sys.openOwn(Layout.kept, in: folder, O_RDONLY), limit: 16 << 20)
      } catch .noSuchFileOrDirectory {
        return []
      }
      let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
      for line in lines { refusals.add(line: line) }
      try Sys.unlink(Layout.kept, in: folder)
      return lines
    }
  }
}
