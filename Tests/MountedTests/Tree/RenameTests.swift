import Glibc
import Testing

/// `rename` of files, within a place and from one to another.
@Suite("Renaming files", .mounting, .timeLimit(.minutes(15)))
struct RenameTests {
  @Test("An image is renamed within its month, to another month and to another user")
  func images() throws {
    try withMount { m in
      let month = try m.month()
      try m.month("images/user-8/2025/01")
      try Files.write("x", to: m["\(month)/a.dcm"])
      let inode = try Files.stat(m["\(month)/a.dcm"]).st_ino
      for (old, new) in [
        ("\(month)/a.dcm", "\(month)/b.dcm"), ("\(month)/b.dcm", "images/user-8/2025/01/c"),
      ] {
        #expect(errnoOf { rename(m[old], m[new]) } == ErrnoName(0))
        #expect(!Files.exists(m[old]) && !Files.exists(m.stored(old)))
        #expect(try Files.text(m[new]) == "x")
        #expect(try Files.text(m.stored(new)) == "x")
      }
      #expect(try Files.stat(m["images/user-8/2025/01/c"]).st_ino == inode)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "A file of the workspace that was just closed becomes an image in one step, whatever its release is doing",
    .needs("strace"), arguments: ["new", "over another"])
  func justClosed(target: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        path, image = M + "/temp/processing/a", M + "/images/user-7/2026/11/a.dcm"
        if os.environ["TARGET"] != "new": put(image, b"old")
        file = os.open(path, os.O_CREAT | os.O_WRONLY)
        os.write(file, b"image")
        os.fsync(file)
        tracer = traced(
            server(), "-P", path.replace(M, R), "-o", "/dev/null", "-e", "trace=newfstatat", "-e",
            "inject=newfstatat:delay_enter=300ms")
        os.close(file)
        os.rename(path, image)
        for root in (M, R): assert get(image.replace(M, root)) == b"image"
        tracer.terminate(); tracer.wait()
        """#, ["TARGET": target])
      try m.expectStatsAsWalked()
    }
  }

  @Test("Two names that could not be exchanged lead where they led", .needs("strace"))
  func exchangeRefused() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        put(month + "/a.dcm", b"image")
        put(month + "/.work", b"work")
        tracer = traced(server(), "-o", "/dev/null", "-e", "trace=linkat", "-e", "inject=linkat:error=EIO")
        refused(errno.EIO, renameat2, month + "/a.dcm", month + "/.work", EXCHANGE)
        tracer.terminate(); tracer.wait()
        for _ in range(2):
            for root in (M, R): assert get(month.replace(M, root) + "/a.dcm") == b"image"
            assert get(month + "/.work") == b"work"
            crash()
        renameat2(month + "/a.dcm", month + "/.work", EXCHANGE)
        assert get(month + "/a.dcm") == b"work"
        os.unlink(month + "/.work")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A folder takes its temporary files along, also for the next mount", arguments: ["rename", "exchange"])
  func workNames(by: String) throws {
    try withMount { m in
      try m.python(
        #"""
        one, other = M + "/images/user-1", M + "/images/user-2"
        os.makedirs(one + "/2026/11")
        put(one + "/2026/11/.work", b"work")
        if os.environ["BY"] == "rename": os.rename(one, other)
        else:
            os.makedirs(other + "/2026/11")
            put(other + "/2026/11/.other", b"other")
            renameat2(one, other, EXCHANGE)
        """#, ["BY": by])
      try m.remount()
      #expect(try Files.text(m["images/user-2/2026/11/.work"]) == "work")
      if by == "exchange" { #expect(try Files.text(m["images/user-1/2026/11/.other"]) == "other") }
      #expect(try Files.text(m[".errors"]).isEmpty)
      try m.sh("rm \"$M\"/images/user-*/2026/11/.[a-z]*")
      try m.expectStatsAsWalked()
    }
  }

  @Test("What moves from one user to another takes along what is booked for it, open or new as it may be")
  func figures() throws {
    try withMount { m in
      try m.python(
        #"""
        import json
        year, other = M + "/images/user-1/2026", M + "/images/user-2"
        os.makedirs(year + "/11"); os.mkdir(other)
        put(year + "/11/a.dcm", b"x" * 1000)
        put(year + "/11/.work", b"x" * 10)
        grown = os.open(year + "/11/a.dcm", os.O_WRONLY | os.O_APPEND)
        os.write(grown, b"x" * 50000)
        new = os.open(year + "/11/b.dcm", os.O_CREAT | os.O_WRONLY)
        os.write(new, b"x" * 7000)
        os.rename(year, other + "/2026")
        os.close(grown); os.close(new)
        def figures(user):
            stats = json.loads(get(f"{M}/images/{user}/.stats"))
            return stats["images"]["size"], stats["images"]["count"]
        os.unlink(other + "/2026/11/.work")
        assert figures("user-1") == (0, 0) and figures("user-2") == (58000, 2), (figures("user-1"), figures("user-2"))
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A rename from the workspace into a month folder publishes a file in one step")
  func publishing() throws {
    try withMount { m in
      let month = try m.month()
      try m.month("thumbnails/user-7/2026/11")
      try Files.write("image", to: m["temp/processing/x"])
      try Files.write("thumb", to: m["temp/processing/y"])
      #expect(errnoOf { rename(m["temp/processing/x"], m["\(month)/x.dcm"]) } == ErrnoName(0))
      let thumbnail = "thumbnails/user-7/2026/11/x_thumb.jpg"
      #expect(errnoOf { rename(m["temp/processing/y"], m[thumbnail]) } == ErrnoName(0))
      #expect(try Files.text(m.stored("\(month)/x.dcm")) == "image")
      #expect(try Files.text(m.stored(thumbnail)) == "thumb")
      let stats = try m.countedStats()
      #expect(stats.images.count == 1 && stats.thumbnails.count == 1 && stats.temp.count == 0)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Only regular files are published from the workspace")
  func notPublished() throws {
    try withMount { m in
      let month = try m.month()
      try Files.makeFolder(m["temp/processing/folder"])
      #expect(symlink("x", m["temp/processing/link"]) == 0)
      #expect(mkfifo(m["temp/processing/fifo"], 0o600) == 0)
      for name in ["folder", "link", "fifo"] {
        try m.refuses(EPERM, at: "\(month)/a.dcm", operation: "rename") { rename(m["temp/processing/\(name)"], $0) }
      }
    }
  }

  @Test("A rename replaces an existing image")
  func replacing() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("first", to: m["\(month)/a.dcm"])
      try Files.write("second", to: m["\(month)/b.dcm"])
      try Files.write("third", to: m["temp/processing/c"])
      #expect(errnoOf { rename(m["\(month)/b.dcm"], m["\(month)/a.dcm"]) } == ErrnoName(0))
      #expect(try Files.text(m["\(month)/a.dcm"]) == "second")
      #expect(errnoOf { rename(m["temp/processing/c"], m["\(month)/a.dcm"]) } == ErrnoName(0))
      #expect(try Files.text(m["\(month)/a.dcm"]) == "third")
      #expect(try Files.names(in: m[month]) == ["a.dcm"])
      try m.expectStatsAsWalked()
    }
  }

  @Test("NOREPLACE and EXCHANGE are honoured; unknown flags are refused", .needs("python3"))
  func flags() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month, work = M + "/images/user-7/2026/11/", M + "/temp/processing/"
        for here in (month, work):
            put(here + "a", b"a"); put(here + "b", b"bb")
            refused(errno.EEXIST, renameat2, here + "a", here + "b", NOREPLACE)
            assert get(here + "a") == b"a" and get(here + "b") == b"bb"
            renameat2(here + "a", here + "c", NOREPLACE)
            assert get(here + "c") == b"a" and not os.path.exists(here + "a")
            renameat2(here + "c", here + "b", EXCHANGE)
            assert get(here + "c") == b"bb" and get(here + "b") == b"a"
            assert os.stat(here + "c").st_size == 2
            refused(errno.ENOENT, renameat2, here + "c", here + "none", EXCHANGE)
            for flags in (WHITEOUT, 8, 1 << 20, NOREPLACE | EXCHANGE):
                refused(errno.EINVAL, renameat2, here + "c", here + "d", flags)
                refused(errno.EINVAL, renameat2, here + "c", here + "b", flags)
            assert get(here + "c") == b"bb" and get(here + "b") == b"a"
            assert sorted(os.listdir(here)) == ["b", "c"]
        renameat2(month + "b", work + "b", EXCHANGE)
        put(work + "n", b"new")
        renameat2(work + "n", month + "n", NOREPLACE)
        refused(errno.EEXIST, renameat2, work + "c", month + "n", NOREPLACE)
        os.makedirs(work + "d1/x"); os.makedirs(work + "d2/y")
        renameat2(work + "d1", work + "d2", EXCHANGE)
        assert os.listdir(work + "d1") == ["y"] and os.listdir(work + "d2") == ["x"]
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("An image moves back to the workspace with mv")
  func backToWorkspace() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("x", to: m["\(month)/a.dcm"])
      try m.sh("mv \"$M/\(month)/a.dcm\" \"$M/temp/processing/a\"")
      #expect(try Files.text(m["temp/processing/a"]) == "x")
      #expect(try Files.names(in: m[month]).isEmpty)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A chunk renamed out of its session crosses devices, so that mv copies it")
  func chunks() throws {
    try withMount { m in
      let month = try m.month()
      let upload = try Upload(m)
      let other = try Upload(m, "s2")
      try upload.write([1, 2, 3], to: "chunk_0")
      for target in ["temp/processing/c", "\(month)/c.dcm", "\(other.path)/chunk_0"] {
        try m.refuses(EXDEV, at: target, operation: "rename") { rename(upload["chunk_0"], $0) }
      }
      try m.sh("mv \"$M/\(upload.path)/chunk_0\" \"$M/temp/processing/c\"")
      #expect(try Files.read(m["temp/processing/c"]) == [1, 2, 3])
      #expect(try upload.stats().chunks == 0)
      #expect(try upload.names().isEmpty)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A chunk is renamed within its session to another index")
  func withinSession() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write([1, 2, 3], to: "chunk_5")
      #expect(errnoOf { rename(upload["chunk_5"], upload["chunk_0"]) } == ErrnoName(0))
      let stats = try upload.stats()
      #expect(stats.chunks == 1 && stats.bytes == 3 && stats.missing.isEmpty)
      try m.refuses(EINVAL, at: "\(upload.path)/piece_0", operation: "rename") { rename(upload["chunk_0"], $0) }
      try m.refuses(EINVAL, at: "\(upload.path)/chunk_", operation: "rename") { rename(upload["chunk_0"], $0) }
    }
  }
}
