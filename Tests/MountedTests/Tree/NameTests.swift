import Glibc
import Testing

/// What names there may be.
@Suite("Names", .mounting, .timeLimit(.minutes(15)))
struct NameTests {
  @Test("An image keeps the name it was given, with an extension or without one")
  func imageNames() throws {
    try withMount { m in
      let month = try m.month()
      let names = [
        "scan.dcm", "DXm.1.2.840.113619.2.203", "IM000001", "a.b.c", "with space.dcm", "Größe.dcm", "乳房.dcm", "🩻",
        "-rf", "~x", "a\\b", "'quoted\"", "x_thumb.jpg", String(repeating: "n", count: 255),
      ]
      for name in names {
        #expect(Files.create(m["\(month)/\(name)"]) == 0, "\(name)")
        #expect(Files.exists(m.stored("\(month)/\(name)")), "\(name)")
      }
      #expect(Set(try Files.names(in: m[month])) == Set(names))
      for user in ["user-user-123", "user-a b", "user-Åse", "user--", "user-" + String(repeating: "u", count: 250)] {
        #expect(errnoOf { mkdir(m["images/\(user)"], 0o777) } == ErrnoName(0), "\(user)")
      }
      try m.expectStatsAsWalked()
    }
  }

  @Test("NFC and NFD spellings are two files")
  func normalisation() throws {
    try withMount { m in
      let month = try m.month()
      for folder in [month, "temp/processing"] {
        try Files.write("composed", to: m["\(folder)/\u{E9}.dcm"])
        try Files.write("decomposed", to: m["\(folder)/e\u{301}.dcm"])
        #expect(try Files.names(in: m[folder]).count == 2)
        #expect(try Files.text(m["\(folder)/\u{E9}.dcm"]) == "composed")
        #expect(try Files.text(m["\(folder)/e\u{301}.dcm"]) == "decomposed")
        #expect(unlink(m["\(folder)/\u{E9}.dcm"]) == 0)
        #expect(try Files.text(m["\(folder)/e\u{301}.dcm"]) == "decomposed")
      }
      #expect(errnoOf { mkdir(m["images/user-\u{E9}"], 0o777) } == ErrnoName(0))
      #expect(errnoOf { mkdir(m["images/user-e\u{301}"], 0o777) } == ErrnoName(0))
      #expect(try m.countedStats().users == 3)
    }
  }

  @Test("A name of 256 bytes is too long, whatever it would be a name of")
  func tooLong() throws {
    try withMount { m in
      let month = try m.month()
      let long = String(repeating: "n", count: 256)
      let wide = String(repeating: "é", count: 128)
      for name in [long, wide] {
        try m.refuses(ENAMETOOLONG, at: "\(month)/\(name)", noted: false) { Files.create($0) }
        try m.refuses(ENAMETOOLONG, at: "temp/processing/\(name)", noted: false) { Files.create($0) }
        try m.refuses(ENAMETOOLONG, at: "temp/processing/\(name)", noted: false) { mkdir($0, 0o777) }
      }
      let user = "user-" + String(repeating: "u", count: 251)
      try m.refuses(ENAMETOOLONG, at: "images/\(user)", noted: false) { mkdir($0, 0o777) }
      #expect(errnoOf { mkdir(m["temp/processing/\(String(repeating: "é", count: 127))n"], 0o777) } == ErrnoName(0))
    }
  }

  @Test("Control characters are refused", arguments: ["a\nb.dcm", "a\tb", "\u{1}x", "a\u{7F}", "a\u{85}b"])
  func controlCharacters(name: String) throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("x", to: m["temp/processing/file"])
      for folder in [month, "temp/processing"] {
        #expect(errnoOf { Files.create(m["\(folder)/\(name)"]) } == ErrnoName(EINVAL), "\(folder)")
        #expect(errnoOf { rename(m["temp/processing/file"], m["\(folder)/\(name)"]) } == ErrnoName(EINVAL), "\(folder)")
      }
      #expect(errnoOf { mkdir(m["images/user-\(name)"], 0o777) } == ErrnoName(EINVAL))
      let lines = try m.refusals()
      #expect(lines.filter { $0.contains(" EINVAL ") }.count >= 5, "\(lines)")
      #expect(lines.allSatisfy { $0.split(separator: " ").count >= 5 }, "a line is broken in two: \(lines)")
      #expect(try Files.names(in: m[month]).isEmpty)
    }
  }

  @Test("Invalid UTF-8 is refused everywhere", .needs("python3"))
  func invalidUTF8() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = os.fsencode(M) + b"/images/user-7/2026/11/"
        work = os.fsencode(M) + b"/temp/processing/"
        put(work + b"good")
        for bad in [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"a\x80.dcm"]:
            refused(errno.EILSEQ, put, month + bad)
            refused(errno.EILSEQ, put, work + bad)
            refused(errno.EILSEQ, os.mkdir, work + bad)
            refused(errno.EILSEQ, os.mkdir, os.fsencode(M) + b"/images/user-" + bad)
            refused(errno.EILSEQ, os.rename, work + b"good", month + bad)
            refused(errno.EILSEQ, os.rename, work + b"good", work + bad)
        assert os.listdir(month) == [] and os.listdir(work) == [b"good"]
        assert get(M + "/.errors").count(b" EILSEQ ") >= 5
        get(M + "/.errors").decode("utf-8")
        """#)
    }
  }

  @Test("A thumbnail is named ID_thumb.jpg")
  func thumbnailNames() throws {
    try withMount { m in
      let month = try m.month("thumbnails/user-7/2026/11")
      #expect(Files.create(m["\(month)/a_thumb.jpg"]) == 0)
      #expect(Files.create(m["\(month)/with space_thumb.jpg"]) == 0)
      try Files.write("x", to: m["temp/processing/file"])
      for name in ["a.jpg", "a.dcm", "a_thumb.png", "a_thumb.JPG", "a_thumb.jpg.bak", "_thumb.jpg", "thumb.jpg"] {
        let path = "\(month)/\(name)"
        try m.refuses(EINVAL, at: path, operation: "open|create", says: "_thumb.jpg") { Files.create($0) }
        try m.refuses(EINVAL, at: path, operation: "rename") { rename(m["\(month)/a_thumb.jpg"], $0) }
        try m.refuses(EINVAL, at: path, operation: "rename") { rename(m["temp/processing/file"], $0) }
      }
    }
  }

  @Test("User names do not start with a dot, and a dot at the start of a file's name makes it a work name")
  func dots() throws {
    try withMount { m in
      let month = try m.month()
      try m.refuses(EINVAL, at: "images/user-.x", operation: "mkdir") { mkdir($0, 0o777) }
      try m.refuses(EINVAL, at: "images/.user-x", operation: "mkdir") { mkdir($0, 0o777) }
      try Files.write("x", to: m["\(month)/.x"])
      #expect(try m.countedStats().images.count == 0)
    }
  }

  @Test("Names that cannot be are not found, and removing them changes nothing")
  func lookups() throws {
    try withMount { m in
      try m.month()
      let absent = [
        "nothing", "images/nobody", "images/user-7/26", "images/user-7/2026/13", "temp/uploads/a b", ".mammofs",
        "temp/processing/a\nb",
      ]
      for path in absent {
        #expect(errnoOf { access(m[path], F_OK) } == ErrnoName(ENOENT), "\(path)")
        let result = errnoOf { unlink(m[path]) }
        #expect([ErrnoName(ENOENT), ErrnoName(EINVAL), ErrnoName(EPERM)].contains(result), "\(path): \(result)")
      }
      #expect(Files.exists(m.stored(".mammofs")), "the private folder is there but does not show")
    }
  }
}
