import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("A folder is read in pieces")
struct FolderStreamTests {
  /// More than fit in one read of the folder.
  private static let count = 2_000

  private func withFolder(_ body: (CInt) throws -> Void) throws {
    try TemporaryRoot.with { root in
      for index in 0..<Self.count { try root.plant("folder/file-\(index)", []) }
      let folder = open(root.path + "/folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      try #require(folder >= 0)
      defer { close(folder) }
      try body(folder)
    }
  }

  @Test("an entry that was put back comes again, wherever a reader stops")
  func putBack() throws {
    try withFolder { folder in
      var stream = FolderStream(folder)
      var names: [FileName] = []
      while true {
        let before = stream.position
        guard let entry = try stream.next() else { break }
        stream.putBack(before: before)
        #expect(stream.position == before)
        try stream.seek(to: before)
        #expect(try stream.next()?.name == entry.name)
        names.append(entry.name)
      }
      #expect(names.count == Self.count)
      #expect(Set(names).count == Self.count)
    }
  }

  @Test("what is about to come is told without moving on")
  func upcoming() throws {
    try withFolder { folder in
      var stream = FolderStream(folder)
      var names: [FileName] = []
      while true {
        let expected = try stream.upcoming(3).first { !$0.isDots }
        guard let entry = try stream.next() else {
          #expect(expected == nil)
          break
        }
        #expect(expected == nil || entry.name == expected)
        names.append(entry.name)
      }
      #expect(Set(names).count == Self.count)
    }
  }
}
