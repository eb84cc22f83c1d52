import Testing

@testable import StorageCore

@Suite("The name of a staged file")
struct StagedNameTests {
  @Test(
    "is a number and where the file is going",
    arguments: [
      ("images/user-7/2026/11/a.dcm", "41:images%2Fuser-7%2F2026%2F11%2Fa.dcm"),
      ("images/user-7/2026/11/50%:a é.dcm", "41:images%2Fuser-7%2F2026%2F11%2F50%25:a é.dcm"),
      ("-", "41:-"),
    ])
  func both(origin: String, name: String) {
    let staged = StagedName(number: 41, origin: origin)
    #expect(staged.fileName == FileName(name))
    #expect(StagedName(parsing: FileName(name)) == staged)
  }

  @Test("is the number alone where the path is too long")
  func long() {
    let path = "images/user-7/2026/11/" + String(repeating: "x", count: 240)
    let staged = StagedName(number: 41, origin: path)
    #expect(staged.origin == nil)
    #expect(staged.fileName == "41")
    #expect(Origin(path: path, size: 3).text(of: staged.fileName) == "3 \(path)")
  }

  @Test("as long as a name may be")
  func longest() {
    let path = String(repeating: "x", count: 252)
    #expect(StagedName(number: 41, origin: path).fileName.count == 255)
    #expect(StagedName(number: 411, origin: path).fileName == "411")
  }

  @Test("that is none tells nothing", arguments: ["", ":", "a", "-1", "x:41", "core.41"])
  func none(name: String) {
    #expect(StagedName(parsing: FileName(name)) == nil)
  }

  @Test("with an escape that none has is a number alone", arguments: ["41:a%00b", "41:a%2", "41:a%2f", "41:%"])
  func badEscape(name: String) {
    #expect(StagedName(parsing: FileName(name)) == StagedName(number: 41))
  }

  @Test("tells the folder, by its inode, where there is a path")
  func folder() {
    let staged = StagedName(number: 41, origin: "images/user-7/2026/11/a.dcm", folder: 18503)
    #expect(staged.fileName == "41@18503:images%2Fuser-7%2F2026%2F11%2Fa.dcm")
    #expect(StagedName(parsing: staged.fileName) == staged)
    #expect(StagedName(number: 41, folder: 18503).fileName == "41")
    #expect(StagedName(parsing: "41@18503") == StagedName(number: 41))
    for name in ["41@:a", "41@x:a", "41@1@2:a", "@1:a"] as [FileName] { #expect(StagedName(parsing: name) == nil) }
  }
}

@Suite("Where a staged file is going")
struct StagedOriginTests {
  private let name: FileName = "41:images%2Fuser-7%2F2026%2F11%2Fa.dcm"
  private let path = "images/user-7/2026/11/a.dcm"

  @Test("is what its name says, with the size that its attribute says")
  func byName() {
    #expect(Origin(parsing: nil, of: name) == Origin(path: path))
    #expect(Origin(path: path, size: 30).text(of: name) == "30")
    #expect(Origin(parsing: "30", of: name) == Origin(path: path, size: 30))
  }

  @Test("is what its attribute says, where it was renamed since")
  func byAttribute() {
    let moved = Origin(path: "images/user-7/2026/12/b.dcm", size: 30)
    #expect(moved.text(of: name) == "30 images/user-7/2026/12/b.dcm")
    #expect(Origin(parsing: moved.text(of: name), of: name) == moved)
    #expect(Origin(parsing: "images/user-7/2026/12/b.dcm", of: name) == Origin(path: "images/user-7/2026/12/b.dcm"))
  }

  @Test("leaves the folder to the name, too, unless that has another")
  func folder() {
    let staged: FileName = "41@18503:images%2Fuser-7%2F2026%2F11%2Fa.dcm"
    let origin = Origin(path: path, folder: 18503, size: 30)
    #expect(origin.text(of: staged) == "30")
    #expect(Origin(parsing: "30", of: staged) == origin)
    let other = Origin(path: path, folder: 18504, size: 30)
    #expect(Origin(parsing: other.text(of: staged), of: staged) == other)
    #expect(Origin(parsing: nil, of: staged) == Origin(path: path, folder: 18503))
  }

  @Test("is not known of a number alone")
  func unknown() {
    #expect(Origin(parsing: nil, of: "41") == Origin(path: "file-41"))
    #expect(Origin(parsing: nil, of: "core") == Origin(path: "file-core"))
  }
}
