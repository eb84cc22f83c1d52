import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("A cursor in a tree of folders")
struct FolderCursorTests {
  private static func isNoFolder(_ error: Errno) -> Bool { error == .noSuchFileOrDirectory }

  @Test("goes through all folders once, whatever their order, and into no link")
  func all() throws {
    try TemporaryRoot.with { root in
      for path in ["a/b/c", "a/d", "e"] { try root.makeFolder(path) }
      try root.makeLink("e/link", to: "../a")
      let top = SharedDescriptor(try Sys.openFile(root.path))
      var seen: [String] = []
      let isWhole = try FolderCursor.walk(from: top, passesOver: { $0 == .notDirectory }) { cursor throws(Errno) in
        seen.append(Layout.path(cursor.names))
        return try FolderStream.all(of: cursor.folder).map(\.name)
      }
      #expect(isWhole)
      #expect(seen.sorted() == ["", "a", "a/b", "a/b/c", "a/d", "e"])
    }
  }

  @Test("goes down and up thousands of levels with few descriptors")
  func deep() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("")
      try root.withDeepTree(in: "") { deepest throws in
        var cursor = try FolderCursor(at: SharedDescriptor(try Sys.openFile(root.path)))
        for _ in 0..<5000 { try cursor.enter("d") }
        #expect(cursor.depth == 5000 && cursor.names.count == 5000)
        #expect(cursor.identity == FileIdentity(try Sys.stat(deepest)))
        // The next one opened has the lowest number that is free.
        #expect(cursor.folder.raw < 1000)
        for _ in 0..<5000 { #expect(try cursor.leave() == 1) }
        #expect(cursor.identity == FileIdentity(try root.stat("")))
      }
    }
  }

  @Test("comes back to the last folder that is where it was, if one on the way was moved elsewhere")
  func moved() throws {
    try TemporaryRoot.with { root in
      let names = (0..<20).map { "f\($0)" }
      try root.makeFolder(names.joined(separator: "/"))
      try root.makeFolder("elsewhere")
      var cursor = try FolderCursor(at: SharedDescriptor(try Sys.openFile(root.path)))
      for name in names { try cursor.enter(FileName(name)) }
      let (from, to) = (names[...5].joined(separator: "/"), "elsewhere/f5")
      #expect(rename(root[from], root[to]) == 0)
      var levels = 0
      while cursor.depth > 5 { levels += try cursor.leave() }
      #expect(levels == 15)
      #expect(cursor.names.map(\.description) == Array(names[..<5]))
      #expect(cursor.identity == FileIdentity(try root.stat(names[..<5].joined(separator: "/"))))
    }
  }

  @Test("does not go on where a folder cannot be opened for another reason than that it is left out")
  func failure() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("a")
      let top = SharedDescriptor(try Sys.openFile(root.path))
      #expect(throws: Errno.tooManyOpenFiles) {
        _ = try FolderCursor.walk(from: top, passesOver: Self.isNoFolder) { cursor throws(Errno) in
          if cursor.depth > 0 { throw .tooManyOpenFiles }
          return ["gone", "a"]
        }
      }
    }
  }
}
