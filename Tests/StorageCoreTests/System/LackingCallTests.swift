import Glibc
import SystemPackage
import Testing

@testable import StorageCore

/// What takes the place of calls that a file system does not have; the whole is in `LackingFileSystemTests`.
@Suite("A rename onto a free name, without the flag")
struct LackingCallTests {
  private func with(_ body: (TemporaryRoot, SharedDescriptor) throws -> Void) throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("folder")
      try body(root, SharedDescriptor(Sys.openBeneathNothing(root["folder"])))
    }
  }

  @Test("gives the file its new name and takes the old one")
  func free() throws {
    try with { root, folder in
      try root.plant("folder/a", [1])
      try Sys.renameOntoFree("a", in: folder.raw, to: "b", in: folder.raw)
      #expect(try root.list("folder") == ["b"])
      #expect(try root.stat("folder/b").st_nlink == 1)
    }
  }

  @Test("leaves both as they are where the name is taken")
  func taken() throws {
    try with { root, folder in
      try root.plant("folder/a", [1])
      try root.plant("folder/b", [2])
      #expect(throws: Errno.fileExists) { try Sys.renameOntoFree("a", in: folder.raw, to: "b", in: folder.raw) }
      #expect(try (root.bytes("folder/a"), root.bytes("folder/b")) == ([1], [2]))
    }
  }

  @Test("goes on where it was cut off between its steps")
  func again() throws {
    try with { root, folder in
      try root.plant("folder/a", [1])
      #expect(link(root["folder/a"], root["folder/b"]) == 0)
      try Sys.renameOntoFree("a", in: folder.raw, to: "b", in: folder.raw)
      #expect(try root.list("folder") == ["b"])
    }
  }

  @Test("renames a folder, which can have no second name")
  func folders() throws {
    try with { root, folder in
      try root.makeFolder("folder/a")
      try Sys.renameOntoFree("a", in: folder.raw, to: "b", in: folder.raw)
      #expect(try root.list("folder") == ["b"])
      try root.makeFolder("folder/a")
      #expect(throws: Errno.fileExists) { try Sys.renameOntoFree("a", in: folder.raw, to: "b", in: folder.raw) }
    }
  }

  @Test("A folder is synchronised, and what is refused otherwise is told")
  func synchronized() throws {
    try with { _, folder in
      try Sys.synchronizeFolder(folder)
      #expect(throws: Errno.badFileDescriptor) { try Sys.synchronizeFolder(CInt(-1)) }
    }
  }
}
