import Glibc
import Testing

/// `.stats` and `.errors`: files that are made at each reading.
@Suite("Virtual files", .mounting, .timeLimit(.minutes(15)))
struct VirtualFileTests {
  @Test(".stats has its keys one a line")
  func keys() throws {
    try withMount { m in
      let text = try Files.text(m[".stats"])
      let lines = text.split(separator: "\n")
      let keys = [
        "totalSize", "fileCount", "availableSpace", "images", "thumbnails", "temp", "sessions", "users",
      ]
      for key in keys {
        #expect(lines.filter { $0.trimmed.hasPrefix("\"\(key)\":") }.count == 1, "\(key) in \(text)")
      }
      #expect(text.hasSuffix("}\n"))
      let stats = try m.countedStats()
      #expect(stats.totalSize == 0 && stats.fileCount == 0 && stats.users == 0)
      #expect(stats.images == Count() && stats.thumbnails == Count() && stats.temp == Count())
      #expect(stats.sessions == Stats.Sessions(active: 0, completed: 0))
      #expect(stats.availableSpace > 0)
    }
  }

  @Test(".stats is exact at the moment of open: right after each write, close, rename and unlink")
  func exact() throws {
    try withMount { m in
      let month = try m.month()
      try m.month("thumbnails/user-8/2026/11")
      #expect(try m.countedStats().users == 2)
      let descriptor = try Files.open(m["\(month)/a.dcm"], O_CREAT | O_WRONLY)
      #expect(try m.stats().images.count == 1)
      try Files.write(Bytes.pattern(100_000), to: descriptor)
      #expect(try m.stats().images == Count(size: 100_000, count: 1))
      Files.close(descriptor)
      #expect(try m.stats().images == Count(size: 100_000, count: 1))
      #expect(truncate(m["\(month)/a.dcm"], 10) == 0)
      #expect(try m.stats().totalSize == 10)
      try Files.write("thumb", to: m["thumbnails/user-8/2026/11/a_thumb.jpg"])
      #expect(try m.stats().thumbnails == Count(size: 5, count: 1))
      #expect(rename(m["\(month)/a.dcm"], m["temp/processing/a"]) == 0)
      var stats = try m.stats()
      #expect(stats.images == Count() && stats.temp == Count(size: 10, count: 1))
      #expect(stats.fileCount == 2 && stats.totalSize == 15)
      #expect(link(m["temp/processing/a"], m["temp/processing/b"]) == 0)
      stats = try m.stats()
      #expect(stats.temp == Count(size: 10, count: 1), "a file with two names counts once")
      #expect(unlink(m["temp/processing/a"]) == 0)
      #expect(try m.stats().temp == Count(size: 10, count: 1))
      #expect(unlink(m["temp/processing/b"]) == 0)
      #expect(try m.stats().temp == Count())
      try m.sh("rm -r \"$M\"/images/* \"$M\"/thumbnails/*")
      stats = try m.stats()
      #expect(stats.users == 0 && stats.fileCount == 0 && stats.totalSize == 0)
    }
  }

  @Test("A user's .stats tell of that user")
  func perUser() throws {
    try withMount { m in
      let month = try m.month()
      try m.month("thumbnails/user-7/2026/11")
      try m.month("images/user-8/2026/11")
      try Files.write("12345", to: m["\(month)/a.dcm"])
      try Files.write("678", to: m["\(month)/b.dcm"])
      try Files.write("9", to: m["images/user-8/2026/11/c.dcm"])
      try Files.write("12", to: m["thumbnails/user-7/2026/11/a_thumb.jpg"])
      _ = try m.countedStats()
      let first = try Stats(json: try Files.text(m["images/user-7/.stats"]))
      #expect(first.images == Count(size: 8, count: 2))
      #expect(first.thumbnails == Count(size: 2, count: 1))
      #expect(first.totalSize == 10 && first.fileCount == 3)
      let second = try Stats(json: try Files.text(m["images/user-8/.stats"]))
      #expect(second.images == Count(size: 1, count: 1) && second.thumbnails == Count())
      #expect(try Files.names(in: m["images/user-7"]) == ["2026"], "it answers by name only")
      #expect(errnoOf { access(m["images/user-9/.stats"], F_OK) } == ErrnoName(ENOENT))
      #expect(errnoOf { rmdir(m["images/user-8/2026"]) } == ErrnoName(ENOTEMPTY))
      try m.sh("rm -r \"$M/images/user-8\"")
    }
  }

  @Test("st_size is the size, the mode is 0444, and each open is a snapshot")
  func snapshots() throws {
    try withMount { m in
      let month = try m.month()
      _ = try Upload(m)
      #expect(mkdir(m["images/user-7/2026/13"], 0o777) == -1)
      for path in [".stats", ".errors", "images/user-7/.stats", "temp/uploads/s1/.stats"] {
        let stat = try Files.stat(m[path])
        let content = try Files.read(m[path])
        #expect(stat.st_mode & S_IFMT == S_IFREG && stat.st_mode & 0o7777 == 0o444, "\(path)")
        #expect(stat.st_size == off_t(content.count), "\(path)")
        #expect(!content.isEmpty, "\(path)")
      }
      let descriptor = try Files.open(m[".stats"], O_RDONLY)
      defer { Files.close(descriptor) }
      var head = [UInt8](repeating: 0, count: 10)
      #expect(read(descriptor, &head, 10) == 10)
      try Files.write("new", to: m["\(month)/a.dcm"])
      let tail = try Files.read(from: descriptor)
      let text = String(decoding: head + tail, as: UTF8.self)
      #expect(try Stats(json: text).fileCount == 0)
      #expect(lseek(descriptor, 0, SEEK_SET) == 0)
      #expect(try Files.text(m[".stats"]) != text)
      let again = String(decoding: try Files.read(from: descriptor), as: UTF8.self)
      #expect(again == text, "the snapshot changed")
      #expect(lseek(descriptor, 0, SEEK_END) == off_t(text.utf8.count))
      try m.sh("tail -c 5 \"$M/.stats\"; head -n 2 \"$M/.stats\"; wc -c < \"$M/.errors\"; stat -f \"$M/.stats\"")
    }
  }

  @Test(
    "They are not written, truncated, removed, renamed or linked",
    arguments: [".stats", ".errors", "images/user-7/.stats", "temp/uploads/s1/.stats"])
  func readOnly(path: String) throws {
    try withMount { m in
      try m.month()
      _ = try Upload(m)
      try Files.write("x", to: m["temp/processing/file"])
      for flags in [O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDWR | O_CREAT, O_WRONLY | O_APPEND] {
        try m.refuses(EACCES, at: path, operation: "open|create") { Files.tryOpen($0, flags) }
      }
      try m.refuses(EPERM, EACCES, at: path, noted: false) { Files.tryOpen($0, O_RDONLY | O_TRUNC) }
      try m.refuses(EEXIST, at: path, noted: false) { Files.create($0) }
      try m.refuses(EPERM, at: path, operation: "truncate|setattr|chmod|write") { truncate($0, 0) }
      try m.refuses(EPERM, at: path, operation: "unlink") { unlink($0) }
      try m.refuses(EPERM, at: path, noted: false) { rename($0, m["temp/processing/stats"]) }
      try m.refuses(EPERM, at: path, noted: false) { link($0, m["temp/processing/stats"]) }
      // The kernel itself knows that the name is taken.
      try m.refuses(EPERM, EEXIST, at: path, noted: false) { link(m["temp/processing/file"], $0) }
      try m.refuses(EPERM, EXDEV, at: path, noted: false) { rename(m["temp/processing/file"], $0) }
      try m.refuses(EEXIST, EPERM, at: path, noted: false) { mkdir($0, 0o777) }
      try m.refuses(ENOTDIR, EPERM, at: path, noted: false) { rmdir($0) }
    }
  }

  @Test("rename between virtual names and work names of a session stays within the rules")
  func renamesInSession() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write([1], to: ".tmp")
      try m.refuses(EPERM, at: "\(upload.path)/.stats", operation: "rename") { rename(upload[".tmp"], $0) }
      try m.refuses(EPERM, at: "\(upload.path)/.tmp2", noted: false) { rename(upload[".stats"], $0) }
    }
  }

  @Test(".errors goes on after a crash and an upgrade", .needs("python3"))
  func errorsGoOn() throws {
    try withMount { m in
      try m.python(
        #"""
        log = M + "/.errors"
        def refuse(name): refused(errno.EINVAL, os.mkdir, M + "/images/" + name)
        refuse("a"); refuse("b")
        before = get(log)
        assert before.count(b"\n") == 2, before
        crash()
        assert get(log) == before
        refuse("c")
        subprocess.run([os.environ["B"], "upgrade", M], check=True)
        after = get(log)
        assert after.startswith(before) and after.count(b"\n") == 3, after
        """#)
    }
  }

  @Test(".errors tells time, operation, path, errno name and what to do, newest last")
  func errors() throws {
    try withMount { m in
      try m.month()
      let before = try m.refusals()
      #expect(mkdir(m["images/user-7/2026/13"], 0o777) == -1)
      #expect(mkdir(m["images/user-7/20x6"], 0o777) == -1)
      #expect(Files.create(m["temp/file"]) == -1)
      let lines = try m.refusals().dropFirst(before.count)
      let wanted = [
        ("mkdir", "images/user-7/2026/13", "EINVAL"), ("mkdir", "images/user-7/20x6", "EINVAL"),
        ("", "temp/file", "EPERM"),
      ]
      #expect(lines.count == 3, "\(Array(lines))")
      for (line, (operation, path, name)) in zip(lines, wanted) {
        #expect(line.contains(operation) && line.contains(path) && line.contains(" \(name) "), "\(line)")
        #expect(line.first?.isNumber ?? false, "a line starts with the time: \(line)")
      }
      #expect(lines.first?.hasSuffix("month must be 01 to 12, not 13") ?? false, "\(Array(lines))")
      // What is no refusal is no line.
      #expect(access(m["images/none"], F_OK) == -1)
      #expect(mkdir(m["images/user-7"], 0o777) == -1)
      #expect(rmdir(m["images/user-7"]) == -1)
      #expect(try m.refusals().count == before.count + 3)
    }
  }

  @Test("statfs reports the storage root's file system", .needs("python3", "df"))
  func statfs() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        backing = os.statvfs(R)
        for path in (M, M + "/images/user-7/2026/11", M + "/.stats", M + "/temp/processing"):
            found = os.statvfs(path)
            assert found.f_namemax == 255 and found.f_frsize == found.f_bsize, found
            assert found.f_blocks * found.f_frsize == backing.f_blocks * backing.f_frsize
            near = abs(found.f_bavail * found.f_frsize - backing.f_bavail * backing.f_frsize)
            assert near < 4 << 30, near
            assert found.f_files == backing.f_files
        import json
        stats = json.loads(get(M + "/.stats"))
        assert abs(stats["availableSpace"] - backing.f_bavail * backing.f_frsize) < 4 << 30
        """#)
      let size = try m.sh("df -B1 --output=size \"$M\" | tail -1")
      #expect(size == (try m.sh("df -B1 --output=size \"$R\" | tail -1")))
    }
  }
}

extension Substring {
  fileprivate var trimmed: Substring { drop { $0 == " " || $0 == "\t" } }
}
