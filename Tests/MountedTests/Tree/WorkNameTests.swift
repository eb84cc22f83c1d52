import Glibc
import Testing

/// Names that start with a dot: the temporary files of copying tools.
@Suite("Work names", .mounting, .timeLimit(.minutes(15)))
struct WorkNameTests {
  @Test(
    "A work name is created, written, given times and owners, and becomes an image by rename",
    arguments: [("images/user-7/2026/11", "scan.dcm"), ("thumbnails/user-7/2026/11", "scan_thumb.jpg")])
  func becomesImage(month: String, name: String) throws {
    try withMount { m in
      try m.month(month)
      let work = m["\(month)/.\(name).Xy12Ab"]
      let content = Bytes.pattern(70_000)
      try Files.write(content, to: work)
      #expect(errnoOf { chmod(work, 0o600) } == ErrnoName(0))
      #expect(errnoOf { chown(work, 1234, 1235) } == ErrnoName(0))
      try m.sh("touch -d '2020-05-06 07:08:09.123456789 UTC' \(quoted(work))")
      #expect(try Files.read(work) == content)
      var stats = try m.countedStats()
      #expect(stats.images.count == 0 && stats.thumbnails.count == 0)
      #expect(errnoOf { rename(work, m["\(month)/\(name)"]) } == ErrnoName(0))
      #expect(try Files.names(in: m[month]) == [name])
      for path in [m["\(month)/\(name)"], m.stored("\(month)/\(name)")] {
        let stat = try Files.stat(path)
        #expect(stat.st_mode & 0o7777 == 0o600)
        #expect(stat.st_uid == 1234 && stat.st_gid == 1235)
        #expect(stat.st_mtim.tv_sec == 1_588_748_889 && stat.st_mtim.tv_nsec == 123_456_789)
        #expect(stat.st_size == 70_000)
      }
      stats = try m.countedStats()
      #expect(stats.images.count + stats.thumbnails.count == 1)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A file under a work name is never an image in the storage root, not even after fsync")
  func neverAnImage() throws {
    try withMount { m in
      let month = try m.month()
      let descriptor = try Files.open(m["\(month)/._x"], O_CREAT | O_RDWR)
      try Files.write(Array("half".utf8), to: descriptor)
      #expect(fsync(descriptor) == 0)
      Files.close(descriptor)
      #expect(try m.countedStats().images == Count())
      let stored = try Files.names(in: m.stored(month)).filter { !$0.hasPrefix(".") }
      #expect(stored.isEmpty, "\(stored)")
    }
  }

  @Test("A work name replaces an image in one step, and is renamed, truncated and removed like any file")
  func replaces() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("old", to: m["\(month)/a.dcm"])
      try Files.write("new and longer", to: m["\(month)/.a.dcm.1"])
      #expect(errnoOf { rename(m["\(month)/.a.dcm.1"], m["\(month)/.a.dcm.2"]) } == ErrnoName(0))
      #expect(errnoOf { rename(m["\(month)/.a.dcm.2"], m["\(month)/a.dcm"]) } == ErrnoName(0))
      #expect(try Files.text(m["\(month)/a.dcm"]) == "new and longer")
      #expect(try Files.text(m.stored("\(month)/a.dcm")) == "new and longer")
      try Files.write("rest", to: m["\(month)/.b"])
      #expect(errnoOf { truncate(m["\(month)/.b"], 1) } == ErrnoName(0))
      #expect(try Files.text(m["\(month)/.b"]) == "r")
      #expect(errnoOf { unlink(m["\(month)/.b"]) } == ErrnoName(0))
      #expect(try Files.names(in: m[month]) == ["a.dcm"])
      try m.expectStatsAsWalked()
    }
  }

  @Test("A work name is not renamed to a bad name")
  func badTargets() throws {
    try withMount { m in
      let month = try m.month()
      try m.month("thumbnails/user-7/2026/11")
      try Files.write("x", to: m["\(month)/.x"])
      try Files.write("x", to: m["thumbnails/user-7/2026/11/.x"])
      try m.refuses(EINVAL, at: "thumbnails/user-7/2026/11/x.dcm", operation: "rename") {
        rename(m["thumbnails/user-7/2026/11/.x"], $0)
      }
      try m.refuses(EPERM, at: "images/user-8", operation: "rename") { rename(m["\(month)/.x"], $0) }
      try m.refuses(ENAMETOOLONG, at: "\(month)/\(String(repeating: "n", count: 256))", noted: false) {
        rename(m["\(month)/.x"], $0)
      }
    }
  }

  @Test("Work names of a session become chunks by rename, and only then count")
  func chunks() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write([1, 2, 3], to: ".chunk_0.tmp")
      #expect(try upload.stats().chunks == 0)
      #expect(errnoOf { rename(upload[".chunk_0.tmp"], upload["chunk_0"]) } == ErrnoName(0))
      try upload.write([4, 5], to: ".chunk_1.Xy12Ab")
      #expect(errnoOf { rename(upload[".chunk_1.Xy12Ab"], upload["chunk_1"]) } == ErrnoName(0))
      let stats = try upload.stats()
      #expect(stats.chunks == 2 && stats.bytes == 5)
      try upload.write([9], to: ".chunk_9.tmp")
      try m.refuses(EINVAL, at: "\(upload.path)/piece", operation: "rename") { rename(upload[".chunk_9.tmp"], $0) }
      // A forgotten work name does not stop a completion.
      #expect(upload.mark("temp/processing/joined") == ErrnoName(0))
      try upload.expectComplete("temp/processing/joined", [1, 2, 3, 4, 5], chunks: 2)
    }
  }

  @Test("A work name survives a remount")
  func remounted() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("kept", to: m["\(month)/.a.dcm.part"])
      try m.remount()
      let found = try m.sh("find \"$M\" -type f -not -name .stats -not -name .errors -exec grep -l kept {} +")
      #expect(!found.isEmpty, "what was written under a work name is lost")
      #expect(try m.countedStats().images.count == 0)
    }
  }
}
