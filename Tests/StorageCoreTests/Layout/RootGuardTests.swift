import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("What a folder is that is to be a storage root")
struct RootGuardTests {
  @Test("decided by the names in it")
  func names() {
    func decide(_ names: FileName..., guarded: Bool = false) -> RootGuard {
      RootGuard(names: names, hasGuard: guarded)
    }
    #expect(decide() == .nothing)
    #expect(decide("lost+found") == .nothing)
    // A first start that was cut off.
    #expect(decide(".mammofs", "temp") == .nothing)
    #expect(decide("images") == .tree)
    #expect(decide("notes.txt", "thumbnails", ".mammofs") == .tree)
    #expect(decide("notes.txt", "lost+found") == .stranger("notes.txt"))
    #expect(decide("b", "a", "temp") == .stranger("a"))
    #expect(decide("notes.txt", guarded: true) == .store)
  }

  @Test("a folder that is not there, one that was initialized, and one that was only begun")
  func folders() throws {
    try TemporaryRoot.with { root in
      #expect(try RootGuard(ofRoot: root.path + "/none") == .nothing)
      try root.storage().close()
      #expect(try RootGuard(ofRoot: root.path) == .store)
      try root.remove(".mammofs/lock")
      #expect(try RootGuard(ofRoot: root.path) == .tree)
      // A link that leads to a store's guard is none.
      try root.makeLink(".mammofs/lock", to: "/proc/self/status")
      #expect(try RootGuard(ofRoot: root.path) == .tree)
    }
  }

  @Test("what cannot be read is not taken for new")
  func unreadable() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("own")
      try root.plant("file", [1])
      #expect(throws: Errno.notDirectory) { try RootGuard(ofRoot: root["file"]) }
    }
  }
}
