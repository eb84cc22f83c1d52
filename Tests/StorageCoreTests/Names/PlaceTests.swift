import StorageCore
import SystemPackage
import Testing

@Suite("A place of the tree")
struct PlaceTests {
  @Test(
    "every documented name is a place",
    arguments: [
      ("", .root), ("images", .area(.images)), ("thumbnails", .area(.thumbnails)), ("temp", .temp),
      (".stats", .rootStats), (".errors", .rootErrors),
      ("images/user-7", .user(.images)), ("images/user-user-123", .user(.images)),
      ("images/user-Ünal Ø", .user(.images)), ("images/user-7/.stats", .userStats),
      ("images/user-7/2026", .year(.images)), ("images/user-7/0000", .year(.images)),
      ("images/user-7/2026/01", .month(.images)), ("images/user-7/2026/12", .month(.images)),
      ("thumbnails/user-7/2026/11", .month(.thumbnails)),
      ("temp/uploads", .uploads), ("temp/processing", .workspace),
    ] as [(String, Place)])
  func folders(path: String, place: Place) throws {
    #expect(try StoragePath(parsing: path).place == place)
  }

  @Test(
    "an image keeps the name it was given, with or without an extension",
    arguments: [
      "a.dcm", "IM000001", "DXm.1.2.840.113619.2.66", "scan of 3 March.dcm", "a:b*?.dcm", "乳腺.dcm", "a.b.c",
      "a.Part", "part", "tmp.dcm", "123456789", "12345678901", "MG.1.2.840.113681.2229451284", "1.2.0123456789.3",
    ])
  func images(name: String) throws {
    #expect(try StoragePath(parsing: "images/user-7/2026/11/\(name)").place == .image(.images))
  }

  @Test("a thumbnail ends in _thumb.jpg")
  func thumbnails() throws {
    #expect(try StoragePath(parsing: "thumbnails/user-7/2026/11/a_thumb.jpg").place == .image(.thumbnails))
    for name in ["a.jpg", "a_thumb.jpeg", "a_thumb.JPG", "_thumb.jpg", "a_thumb.jpg.temp"] {
      refuses(.invalidArgument, says: "_thumb.jpg") { _ = try Place.month(.thumbnails).child(FileName(name)) }
    }
  }

  @Test(
    "a name that starts with a dot, or is spelled as tools do, is a tool's temporary file",
    arguments: [
      ".scan.dcm.Xy12Ab", "._x", ".chunk_3.tmp", ".nfs0001", "a.dcm.2fdd158b.partial", "a.part", "a.filepart",
      "chunk_0.tmp", "a.crdownload",
      "a_exiftool_tmp", "a_thumb.jpg~", "0000000019", "1234567890", "chunk_0.0000000019",
    ] as [FileName])
  func workNames(name: FileName) throws {
    #expect(try Place.month(.images).child(name) == .work(.images))
    #expect(try Place.month(.thumbnails).child(name) == .work(.thumbnails))
    #expect(try Place.session.child(name) == .sessionWork)
    #expect(try Place.workspace.child(name) == .workspaceEntry)
  }

  @Test("a session holds chunks, the marker and its figures")
  func session() throws {
    #expect(try Place.session.child("chunk_7") == .chunk)
    #expect(try Place.session.child("chunk_ab") == .chunk)
    #expect(try Place.session.child(".complete") == .marker)
    #expect(try Place.session.child(".stats") == .sessionStats)
    for name in ["part_1", "complete", "chunk_", "chunk-1", "a.dcm"] {
      refuses(.invalidArgument, says: "chunk_0") { _ = try Place.session.child(FileName(name)) }
    }
  }

  @Test("nothing is added to the root and to temp")
  func closed() {
    for name in ["foo", "Images", ".hidden", ".Stats"] {
      refuses(.notPermitted, says: "images, thumbnails and temp") { _ = try Place.root.child(FileName(name)) }
    }
    for name in ["foo", ".stats", "upload"] {
      refuses(.notPermitted, says: "temp/processing") { _ = try Place.temp.child(FileName(name)) }
    }
  }

  @Test("the workspace takes any tree")
  func workspace() throws {
    #expect(try StoragePath(parsing: "temp/processing/a/b/c.stats/.d").place == .workspaceEntry)
  }

  @Test(
    "a file holds no names",
    arguments: [
      .rootStats, .rootErrors, .image(.images), .work(.images), .userStats, .chunk, .sessionWork, .marker,
      .sessionStats,
    ] as [Place])
  func files(place: Place) {
    refuses(.notPermitted) { _ = try place.child("a") }
    #expect(!place.isDocumentedFolder)
  }

  @Test("only figures of a user's images are virtual, not of the thumbnails")
  func userStats() {
    refuses(.invalidArgument, says: "year") { _ = try Place.user(.thumbnails).child(".stats") }
  }
}
