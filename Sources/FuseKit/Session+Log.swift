internal import CFuse
import Glibc

extension Session {
  private static let log = Monitor<(@Sendable (String) -> Void)?>(nil)

  /// Sends what libfuse would print on standard error to `log`, one line each, for the whole process.
  ///
  /// The corresponding C function is `fuse_set_log_func`.
  public static func setLog(_ log: @escaping @Sendable (String) -> Void) {
    Session.log.withLock { $0 = log }
    fuse_set_log_func { _, format, arguments in
      guard let format, let arguments else { return }
      let line = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { line -> String in
        guard let start = line.baseAddress, vsnprintf(start, line.count, format, arguments) >= 0 else {
          return ""
        }
        return String(cString: start)
      }
      let trimmed = line.last == "\n" ? String(line.dropLast()) : line
      let log = Session.log.withLock { $0 }
      log?(trimmed)
    }
  }
}
