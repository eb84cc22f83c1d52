import StorageCore
import SystemPackage
import Testing

@Suite("A name")
struct NameRuleTests {
  /// Every folder that takes names, with a name that is good there and as long as wanted.
  private static let folders: [Place] = [
    .root, .area(.images), .user(.images), .year(.images), .month(.images), .month(.thumbnails), .temp, .uploads,
    .session, .workspace, .workspaceEntry,
  ]

  @Test("a month is 01 to 12", arguments: ["00", "13", "1", "001", "99", "ab", "1 ", "+1", "１２"])
  func months(name: String) {
    refuses(.invalidArgument, says: "month must be 01 to 12, not \(name)") {
      _ = try Place.year(.images).child(FileName(name))
    }
  }

  @Test("each month from 01 to 12 is one")
  func allMonths() throws {
    for month in 1...12 {
      let name = month < 10 ? "0\(month)" : "\(month)"
      #expect(try Place.year(.thumbnails).child(FileName(name)) == .month(.thumbnails))
    }
  }

  @Test("a year is four digits", arguments: ["26", "20266", "abcd", "-026", "2 26", "２０２６"])
  func years(name: String) {
    refuses(.invalidArgument, says: "year must be four digits, not '\(name)'") {
      _ = try Place.user(.images).child(FileName(name))
    }
  }

  @Test(
    "a user's folder is user- and an ID that starts with no dot",
    arguments: [
      "7", "user-", "User-7", "user_7", "user-.7", "user-..", " user-7", ".user-7",
    ])
  func users(name: String) {
    for area in Area.allCases {
      refuses(.invalidArgument, says: "user-ID") { _ = try Place.area(area).child(FileName(name)) }
    }
  }

  @Test(
    "a session is 1 to 128 of letters, digits, dot, underscore and dash",
    arguments: [
      "a b", "ä", ".x", "a+b", "a:b", "-\\", String(repeating: "s", count: 129),
    ])
  func badSessions(name: String) {
    refuses(.invalidArgument, says: "1 to 128") { _ = try Place.uploads.child(FileName(name)) }
  }

  @Test("good names of sessions are taken", arguments: ["a", "A-1_b.c", "-x", "7", String(repeating: "s", count: 128)])
  func goodSessions(name: String) throws {
    #expect(try Place.uploads.child(FileName(name)) == .session)
  }

  @Test(
    "what is not UTF-8 is EILSEQ everywhere",
    arguments: [
      [0xFF], [0x61, 0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3],
    ] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    for folder in Self.folders {
      refuses(.illegalByteSequence, says: "UTF-8") { _ = try folder.child(FileName(bytes: bytes)) }
    }
  }

  @Test(
    "a control character is EINVAL everywhere", arguments: ["a\u{1}", "\n", "a\tb", "\u{7F}", "x\u{85}", "a\u{0}b"])
  func controls(name: String) {
    for folder in Self.folders {
      refuses(.invalidArgument, says: "control characters") { _ = try folder.child(FileName(name)) }
    }
  }

  @Test("more than 255 bytes are ENAMETOOLONG everywhere, however few letters they are")
  func tooLong() {
    for name in [String(repeating: "a", count: 256), "user-" + String(repeating: "é", count: 126)] {
      for folder in Self.folders {
        refuses(.fileNameTooLong, says: "255") { _ = try folder.child(FileName(name)) }
      }
    }
  }

  @Test("255 bytes are a name")
  func longest() throws {
    #expect(try Place.month(.images).child(FileName(String(repeating: "a", count: 255))) == .image(.images))
    #expect(try Place.area(.images).child(FileName("user-" + String(repeating: "é", count: 125))) == .user(.images))
    #expect(try Place.workspace.child(FileName(String(repeating: "a", count: 255))) == .workspaceEntry)
  }

  @Test("an empty name is none")
  func empty() {
    for folder in Self.folders { refuses(.invalidArgument) { _ = try folder.child("") } }
  }

  @Test("NFC and NFD spellings are two files")
  func normalisation() throws {
    let (composed, decomposed): (FileName, FileName) = ("é.dcm", "e\u{301}.dcm")
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed]).count == 2)
    let a = try StoragePath(parsing: "images/user-7/2026/11/é.dcm")
    let b = try StoragePath(parsing: "images/user-7/2026/11/e\u{301}.dcm")
    #expect(a != b)
  }

  @Test("whether a name is hidden is its first byte's to say")
  func hidden() {
    #expect((".a" as FileName).isHidden)
    #expect(!("a." as FileName).isHidden)
    #expect((".." as FileName).isDots)
    #expect(!("..." as FileName).isDots)
  }
}
