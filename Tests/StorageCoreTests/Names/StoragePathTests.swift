import StorageCore
import SystemPackage
import Testing

@Suite("A path")
struct StoragePathTests {
  @Test(
    "a leading slash is allowed, and doubled ones mean nothing",
    arguments: [
      "images/user-7/2026/11/a.dcm", "/images/user-7/2026/11/a.dcm", "//images//user-7/2026///11/a.dcm",
    ])
  func slashes(text: String) throws {
    let path = try StoragePath(parsing: text)
    #expect(path.description == "images/user-7/2026/11/a.dcm")
    #expect(path.place == .image(.images))
    #expect(path.fileName == "a.dcm")
    #expect(path.folder == ["images", "user-7", "2026", "11"])
  }

  @Test(
    "a path never leads upwards or stays",
    arguments: [
      "..", "../etc/passwd", "images/../../etc", "images/user-7/2026/11/..", "./images", "temp/processing/../../x",
      "temp/processing/./a", "images/user-7/2026/../2026/11/a.dcm",
    ])
  func traversal(text: String) {
    refuses(.invalidArgument) { _ = try StoragePath(parsing: text) }
  }

  @Test("every name on the way is checked")
  func checked() {
    refuses(.invalidArgument, says: "month must be 01 to 12, not 13") {
      _ = try StoragePath(parsing: "images/user-7/2026/13/a.dcm")
    }
    refuses(.notPermitted) { _ = try StoragePath(parsing: "etc/passwd") }
    refuses(.notPermitted) { _ = try StoragePath(parsing: ".mammofs/lock") }
    refuses(.notPermitted) { _ = try StoragePath(parsing: "images/user-7/2026/11/a.dcm/b") }
  }

  @Test("year and month are filled up with zeros")
  func filled() throws {
    let path = try StoragePath(.images, userID: "7", year: 987, month: 3, fileName: "a.dcm")
    #expect(path.description == "images/user-7/0987/03/a.dcm")
    #expect(path.place == .image(.images))
  }

  @Test("an ID is one name, whatever it holds")
  func ids() throws {
    #expect(
      try StoragePath(.images, userID: "user-123", year: 2026, month: 11, fileName: "a").description
        == "images/user-user-123/2026/11/a")
    for id in ["a/b", "/", "../x"] {
      refuses(.invalidArgument) { _ = try StoragePath(.images, userID: id, year: 2026, month: 11, fileName: "a") }
      refuses(.invalidArgument) { _ = try StoragePath(.images, userID: "7", year: 2026, month: 11, fileName: id) }
    }
    refuses(.invalidArgument) { _ = try StoragePath(.images, userID: "", year: 2026, month: 11, fileName: "a") }
    refuses(.invalidArgument) { _ = try StoragePath(.images, userID: "7", year: 2026, month: 11, fileName: "") }
  }

  @Test("a date that is none is refused")
  func dates() {
    for (year, month) in [(2026, 0), (2026, 13), (2026, -1), (12026, 1), (-1, 1)] {
      refuses(.invalidArgument) { _ = try StoragePath(.images, userID: "7", year: year, month: month, fileName: "a") }
    }
  }
}
