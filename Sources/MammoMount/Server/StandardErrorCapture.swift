internal import CLinux
internal import Glibc
internal import StorageCore

/// Catches what is written to standard error meanwhile, by this process or by a child.
///
/// `fusermount3` tells its reasons there and nowhere else, and nobody sees them where the server has no terminal.
enum StandardErrorCapture {
  /// Runs `body` and returns what it returned, and the lines.
  static func lines<Result>(_ body: () -> Result) -> (Result, [String]) {
    let file = lx_memfd("stderr")
    let saved = fcntl(2, F_DUPFD_CLOEXEC, 3)
    guard file >= 0, saved >= 0, dup2(file, 2) == 2 else {
      for descriptor in [file, saved] where descriptor >= 0 { close(descriptor) }
      return (body(), [])
    }
    let result = body()
    dup2(saved, 2)
    close(saved)
    let descriptor = Descriptor(owning: file)
    let text = (try? Sys.readAll(descriptor, limit: 1 << 16)) ?? []
    return (result, String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init))
  }
}
