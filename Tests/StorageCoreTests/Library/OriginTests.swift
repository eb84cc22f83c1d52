import Testing

@testable import StorageCore

@Suite("What a staged file's record says")
struct OriginTests {
  @Test(
    "a path, and once published its size",
    arguments: [
      ("images/user-7/2026/11/a.dcm", Origin(path: "images/user-7/2026/11/a.dcm")),
      ("30 images/user-7/2026/11/a.dcm", Origin(path: "images/user-7/2026/11/a.dcm", size: 30)),
      ("images/user-7/2026/11/a b.dcm", Origin(path: "images/user-7/2026/11/a b.dcm")),
      ("30 images/user-7/2026/11/a b  c.dcm", Origin(path: "images/user-7/2026/11/a b  c.dcm", size: 30)),
      ("@18503 images/user-7/2026/11/a b.dcm", Origin(path: "images/user-7/2026/11/a b.dcm", folder: 18503)),
      ("30 @18503 images/user-7/2026/11/a.dcm", Origin(path: "images/user-7/2026/11/a.dcm", folder: 18503, size: 30)),
      ("-", Origin.disposable),
    ] as [(String, Origin)])
  func both(text: String, origin: Origin) {
    #expect(Origin(parsing: text) == origin)
    #expect(origin.text == text)
  }

  @Test("what is no record is a path that nothing has", arguments: ["", " ", "x y", "30", "-1", "@", "@x y", "@1"])
  func garbage(text: String) {
    #expect(Origin(parsing: text).size == nil)
  }
}
