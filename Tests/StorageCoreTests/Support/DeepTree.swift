import Glibc
import SystemPackage

@testable import StorageCore

/// Folders within folders, deeper than a path can say.
extension TemporaryRoot {
  /// Makes so many folders `d`, one in the other, and a file in the last; calls `body` with that folder. What is left of
  /// them goes afterwards.
  func withDeepTree(in relative: String, levels: Int = 5000, _ body: (SharedDescriptor) throws -> Void) throws {
    defer { removeDeepTree(in: relative) }
    var folder = SharedDescriptor(try Sys.openFile(self[relative]))
    for _ in 0..<levels {
      try Sys.makeFolder("d", in: folder, mode: 0o700)
      folder = SharedDescriptor(try Sys.openFolder("d", in: folder))
    }
    let file = try Sys.open("file", in: folder, O_WRONLY | O_CREAT, mode: 0o600)
    try Sys.writeAll(file, at: 0, [1, 2, 3])
    try body(folder)
  }

  private func removeDeepTree(in relative: String) {
    let (top, next) = (self[relative] + "/d", self[relative] + "/next")
    while exists(relative + "/d") {
      unlink(top + "/file")
      rename(top + "/d", next)
      guard rmdir(top) == 0 else { return }
      rename(next, top)
    }
  }
}
