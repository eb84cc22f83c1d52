import Glibc
import Testing

/// The places that are documented: which folders there are, and what may be made in each.
@Suite("The documented folders", .mounting, .timeLimit(.minutes(15)))
struct DocumentedFolderTests {
  @Test("A new mount shows images, thumbnails and temp with uploads and processing, all 0750")
  func tree() throws {
    try withoutMount { m in
      #expect(rmdir(m.root) == 0)
      try m.mount()
      #expect(try Files.names(in: m.mountPoint) == [".errors", ".stats", "images", "temp", "thumbnails"])
      #expect(try Files.names(in: m["temp"]) == ["processing", "uploads"])
      for folder in ["", "images", "thumbnails", "temp", "temp/uploads", "temp/processing"] {
        #expect(try Files.mode(m[folder] + "/.") == 0o750, "\(folder)")
        #expect(try Files.mode(m.stored(folder) + "/.") == 0o750, "\(folder) in the storage root")
      }
    }
  }

  @Test("Nothing is created, removed or renamed in the root and in temp")
  func fixedFolders() throws {
    try withMount { m in
      try m.month()
      try Files.write("x", to: m["temp/processing/file"])
      for folder in ["", "temp/"] {
        try m.refuses(EPERM, at: "\(folder)new", operation: "mkdir") { mkdir($0, 0o777) }
        try m.refuses(EPERM, at: "\(folder)new", operation: "open|create") { Files.create($0) }
        try m.refuses(EPERM, at: "\(folder)new", operation: "symlink") { symlink("x", $0) }
        try m.refuses(EPERM, at: "\(folder)new", operation: "mknod|mkfifo") { mkfifo($0, 0o666) }
        try m.refuses(EPERM, at: "\(folder)new", operation: "link") { link(m["temp/processing/file"], $0) }
        try m.refuses(EPERM, at: "\(folder)new", operation: "rename") { rename(m["temp/processing/file"], $0) }
      }
      for folder in ["images", "thumbnails", "temp", "temp/uploads", "temp/processing"] {
        try m.refuses(EPERM, at: folder, operation: "rmdir") { rmdir($0) }
        try m.refuses(EPERM, at: "other", operation: "rename") { rename(m[folder], $0) }
      }
    }
  }

  @Test("chmod and chown of the documented folders work and are kept in the storage root")
  func rightsOfDocumentedFolders() throws {
    try withMount { m in
      for folder in ["", "images", "thumbnails", "temp", "temp/uploads", "temp/processing"] {
        #expect(errnoOf { chmod(m[folder], 0o755) } == ErrnoName(0), "\(folder)")
        #expect(errnoOf { chown(m[folder], 1234, 1234) } == ErrnoName(0), "\(folder)")
        #expect(try Files.mode(m.stored(folder) + "/.") == 0o755, "\(folder)")
        #expect(try Files.stat(m.stored(folder) + "/.").st_uid == 1234, "\(folder)")
      }
      try m.remount()
      #expect(try Files.mode(m["images"]) == 0o755)
      #expect(try Files.stat(m["images"]).st_gid == 1234)
    }
  }

  @Test("User, year and month folders come and go with mkdir and rmdir", arguments: ["images", "thumbnails"])
  func levels(area: String) throws {
    try withMount { m in
      for folder in ["user-7", "user-7/2026", "user-7/2026/11"] {
        #expect(errnoOf { mkdir(m["\(area)/\(folder)"], 0o777) } == ErrnoName(0), "\(folder)")
        #expect(errnoOf { mkdir(m["\(area)/\(folder)"], 0o777) } == ErrnoName(EEXIST), "\(folder)")
      }
      for month in ["01", "09", "10", "12"] {
        #expect(errnoOf { mkdir(m["\(area)/user-7/2026/\(month)"], 0o777) } == ErrnoName(0), "\(month)")
      }
      #expect(errnoOf { mkdir(m["\(area)/user-user-123"], 0o777) } == ErrnoName(0))
      #expect(errnoOf { rmdir(m["\(area)/user-7"]) } == ErrnoName(ENOTEMPTY))
      try m.sh("rmdir \"$M/\(area)/user-7/2026\"/* && rmdir \"$M/\(area)/user-7/2026\" \"$M/\(area)/user-7\"")
      #expect(try Files.names(in: m[area]) == ["user-user-123"])
      #expect(try Files.names(in: m.stored(area)) == ["user-user-123"])
      #expect(errnoOf { rmdir(m["\(area)/user-9"]) } == ErrnoName(ENOENT))
    }
  }

  @Test("A file at a folder's level is refused", arguments: ["images", "thumbnails"])
  func filesAtFolderLevels(area: String) throws {
    try withMount { m in
      try m.month("\(area)/user-7/2026/11")
      try Files.write("x", to: m["temp/processing/file"])
      for place in ["user-9", "user-7/2025", "user-7/2026/12"] {
        let path = "\(area)/\(place)"
        try m.refuses(EPERM, at: path, operation: "open|create") { Files.create($0) }
        try m.refuses(EPERM, at: path, operation: "symlink") { symlink("x", $0) }
        try m.refuses(EPERM, at: path, operation: "mknod|mkfifo") { mkfifo($0, 0o666) }
        try m.refuses(EPERM, at: path, operation: "rename") { rename(m["temp/processing/file"], $0) }
        try m.refuses(EPERM, at: path, operation: "link") { link(m["temp/processing/file"], $0) }
      }
      try m.refuses(EPERM, EINVAL, at: "\(area)/scan.dcm", operation: "open|create") { Files.create($0) }
    }
  }

  @Test("A month folder takes files only", arguments: ["images", "thumbnails"])
  func foldersAtFileLevel(area: String) throws {
    try withMount { m in
      let month = try m.month("\(area)/user-7/2026/11")
      let path = "\(month)/a_thumb.jpg"
      try Files.write("x", to: m["temp/processing/file"])
      try Files.makeFolder(m["temp/processing/folder"])
      try m.refuses(EPERM, at: path, operation: "mkdir") { mkdir($0, 0o777) }
      try m.refuses(EPERM, at: path, operation: "symlink") { symlink("x", $0) }
      try m.refuses(EPERM, at: path, operation: "link") { link(m["temp/processing/file"], $0) }
      try m.refuses(EPERM, at: path, operation: "mknod|mkfifo") { mkfifo($0, 0o666) }
      try m.refuses(EPERM, at: path, operation: "mknod") { mknod($0, S_IFSOCK | 0o666, 0) }
      try m.refuses(EPERM, at: path, operation: "mknod") { mknod($0, S_IFCHR | 0o666, 0x103) }
      try m.refuses(EPERM, at: path, operation: "rename") { rename(m["temp/processing/folder"], $0) }
    }
  }

  @Test(
    "A year, a month and a user that are not well named are refused with a sentence",
    arguments: ["images", "thumbnails"])
  func badFolderNames(area: String) throws {
    try withMount { m in
      try m.month("\(area)/user-7/2026/11")
      let make = { (path: String) in mkdir(path, 0o777) }
      try m.refuses(
        EINVAL, at: "\(area)/user-7/2026/13", operation: "mkdir", says: "month must be 01 to 12, not 13", make)
      for month in ["00", "1", "012", "xx", "99"] {
        try m.refuses(EINVAL, at: "\(area)/user-7/2026/\(month)", operation: "mkdir", says: "month", make)
      }
      for year in ["26", "20266", "20x6", "two", "２０２６"] {
        try m.refuses(EINVAL, at: "\(area)/user-7/\(year)", operation: "mkdir", says: "year", make)
      }
      for user in ["7", "user", "user-", "User-7", "patient-7", "user_7"] {
        try m.refuses(EINVAL, at: "\(area)/\(user)", operation: "mkdir", says: "user-", make)
      }
      for (old, new) in [("user-7", "seven"), ("user-7/2026", "user-7/26"), ("user-7/2026/11", "user-7/2026/13")] {
        try m.refuses(EINVAL, at: "\(area)/\(new)", operation: "rename") { rename(m["\(area)/\(old)"], $0) }
      }
    }
  }

  @Test("Folders are renamed within their level and take their content along", arguments: ["images", "thumbnails"])
  func renamesOfFolders(area: String) throws {
    try withMount { m in
      try m.month("\(area)/user-7/2026/11")
      try m.month("\(area)/user-8/2025")
      try Files.write("x", to: m["\(area)/user-7/2026/11/a_thumb.jpg"])
      for (old, new) in [
        ("user-7/2026/11", "user-7/2026/12"), ("user-7/2026", "user-7/2027"), ("user-7", "user-9"),
      ] {
        #expect(errnoOf { rename(m["\(area)/\(old)"], m["\(area)/\(new)"]) } == ErrnoName(0), "\(old)")
      }
      #expect(try Files.text(m["\(area)/user-9/2027/12/a_thumb.jpg"]) == "x")
      #expect(try Files.text(m.stored("\(area)/user-9/2027/12/a_thumb.jpg")) == "x")
      #expect(!Files.exists(m["\(area)/user-7"]))
      for (old, new) in [
        ("user-9/2027", "user-11"), ("user-8", "user-9/2024"), ("user-8/2025", "user-9/2027/10"),
        ("user-8", "user-9/2027/12/b_thumb.jpg"), ("user-9/2027/12/a_thumb.jpg", "user-12"),
      ] {
        try m.refuses(EPERM, at: "\(area)/\(new)", operation: "rename") { rename(m["\(area)/\(old)"], $0) }
      }
      try m.expectStatsAsWalked()
    }
  }

  @Test("A folder with something in it is not replaced by a rename, an empty one is")
  func renameOverFolder() throws {
    try withMount { m in
      try m.month("images/user-7/2026/11")
      try m.month("images/user-7/2026/12")
      try m.month("images/user-7/2026/10")
      try Files.write("x", to: m["images/user-7/2026/11/a.dcm"])
      try Files.write("y", to: m["images/user-7/2026/12/b.dcm"])
      try m.refuses(ENOTEMPTY, EEXIST, at: "images/user-7/2026/12", noted: false) {
        rename(m["images/user-7/2026/11"], $0)
      }
      #expect(errnoOf { rename(m["images/user-7/2026/11"], m["images/user-7/2026/10"]) } == ErrnoName(0))
      #expect(try Files.text(m["images/user-7/2026/10/a.dcm"]) == "x")
    }
  }

  @Test("temp/uploads holds sessions, which are folders with plain names")
  func uploads() throws {
    try withMount { m in
      try m.refuses(EPERM, at: "temp/uploads/file", operation: "open|create") { Files.create($0) }
      try m.refuses(EPERM, at: "temp/uploads/file", operation: "symlink") { symlink("x", $0) }
      try m.refuses(EPERM, at: "temp/uploads/file", operation: "mknod|mkfifo") { mkfifo($0, 0o666) }
      try Files.write("x", to: m["temp/processing/file"])
      try m.refuses(EPERM, at: "temp/uploads/file", operation: "link") { link(m["temp/processing/file"], $0) }
      try m.refuses(EPERM, at: "temp/uploads/file", operation: "rename") { rename(m["temp/processing/file"], $0) }
      let longest = String(repeating: "a", count: 128)
      for name in ["s", "A-b_c.9", "0", longest] {
        #expect(errnoOf { mkdir(m["temp/uploads/\(name)"], 0o777) } == ErrnoName(0), "\(name)")
        #expect(try Files.mode(m["temp/uploads/\(name)"]) == 0o750)
      }
      #expect(try Files.names(in: m["temp/uploads"]) == ["0", "A-b_c.9", longest, "s"].sorted())
      for name in [".hidden", "a b", "ä", "a+b", "a:b", longest + "a"] {
        try m.refuses(EINVAL, at: "temp/uploads/\(name)", operation: "mkdir") { mkdir($0, 0o777) }
      }
      #expect(errnoOf { rmdir(m["temp/uploads/s"]) } == ErrnoName(0))
    }
  }
}
