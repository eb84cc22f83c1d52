import Testing

/// Chunks are written where they will stay, so that a completion copies nothing.
@Suite("The bytes of a session", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct PlacementTests {
  private static let uploads = #"""
    session, data = M + "/temp/uploads/s", R + "/.mammofs/uploads/s"
    os.mkdir(session)
    size = 300_001

    def chunk(index, size=size): return bytes([index + 1]) * size
    def send(index, size=size): put(f"{session}/chunk_{index}", chunk(index, size))
    def complete(chunks):
        whole = b"".join(chunks)
        put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
        assert get(M + "/images/user-7/2026/11/a.dcm") == whole
        return os.stat(R + "/images/user-7/2026/11/a.dcm").st_ino
    """#

  @Test("The data file becomes the image, for chunks one after the other and for several at a time")
  func inPlace() throws {
    for script in [
      "sizes = [5, 70_000, 1, 0, 300_000]\nfor i, n in enumerate(sizes): send(i, n)",
      """
      sizes = [size] * 7 + [9]
      threads = [threading.Thread(target=send, args=(i, n)) for i, n in reversed(list(enumerate(sizes)))]
      for thread in threads: thread.start()
      for thread in threads: thread.join()
      """,
    ] {
      try withMount { m in
        try m.python(
          "import threading\n" + Self.uploads + "\n" + script + "\n" + #"""
            inode = os.stat(data).st_ino
            assert complete([chunk(i, n) for i, n in enumerate(sizes)]) == inode, "it was copied"
            assert not os.path.exists(data)
            """#)
        try m.expectStatsAsWalked()
      }
    }
  }

  @Test("Chunks of any size in any order, replaced, renamed, exchanged, appended to and removed make the right image")
  func odd() throws {
    try withMount { m in
      try m.python(
        Self.uploads + #"""

          for i, n in ((3, 10), (0, 500), (2, 100_000), (1, 7)): send(i, n)
          send(2, 3)
          put(session + "/chunk_0", b"replaced")
          with open(session + "/chunk_1", "ab") as file: file.write(b"more")
          with open(session + "/chunk_3", "r+b") as file:
              file.seek(4)
              file.write(b"xy")
              file.truncate(8)
          renameat2(session + "/chunk_2", session + "/chunk_3", EXCHANGE)
          os.rename(session + "/chunk_3", session + "/chunk_4")
          send(3, 20)
          send(5, 6)
          os.unlink(session + "/chunk_5")
          parts = [b"replaced", chunk(1, 7) + b"more", chunk(3, 4) + b"xy" + chunk(3, 2), chunk(3, 20), chunk(2, 3)]
          for i, part in enumerate(parts): assert get(f"{session}/chunk_{i}") == part, i
          complete(parts)
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A chunk whose place would lie further away than a file reaches is taken all the same")
  func farAway() throws {
    try withMount { m in
      try m.python(
        Self.uploads + #"""

          # The largest file of ext4 ends within the third; the others lie behind it.
          put(session + "/chunk_0")
          os.truncate(session + "/chunk_0", 2**30 - 1)
          for index, n in ((20_000, 6), (1_000_000, 6), (16_384, 100_000)): put(f"{session}/chunk_{index}", b"x" * n)
          with open(session + "/chunk_20000", "ab") as file: file.write(b"more")
          assert get(session + "/chunk_20000") == b"xxxxxxmore"
          assert get(session + "/chunk_1000000") == b"xxxxxx"
          assert get(session + "/chunk_16384") == b"x" * 100_000
          # Its size was guessed from two others.
          os.mkdir(M + "/temp/uploads/t")
          for index, n in ((9, 50_000), (8, 50_000), (400_000_000, 2)): put(f"{M}/temp/uploads/t/chunk_{index}", b"x" * n)
          assert get(M + "/temp/uploads/t/chunk_400000000") == b"xx"
          assert get(M + "/.errors") == b"", get(M + "/.errors")
          shutil.rmtree(session)
          assert os.listdir(R + "/.mammofs/uploads") in ([], ["t"])
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A chunk that could not be moved to its place leaves nothing there", .needs("strace"))
  func moveRefused() throws {
    try withMount { m in
      try m.python(
        Self.uploads + #"""

          # The place of the later one is known once the first is there; neither can be noted.
          tracer = traced(
              server(), "-o", "/dev/null", "-e", "trace=fsetxattr", "-e", "inject=fsetxattr:error=EIO")
          send(1)
          send(0)
          assert poll(lambda: b" EIO " in get(M + "/.errors"))
          tracer.terminate()
          tracer.wait()
          # But for parts of blocks.
          assert os.stat(data).st_blocks < 64, os.stat(data).st_blocks
          for i in (0, 1): assert get(f"{session}/chunk_{i}") == chunk(i)
          os.makedirs(M + "/images/user-7/2026/11")
          complete([chunk(0), chunk(1)])
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Whoever has a chunk open when it is removed or replaced goes on with what it had, and spoils no other")
  func open() throws {
    try withMount { m in
      try m.python(
        Self.uploads + #"""

          send(0)
          send(1)
          reader = os.open(session + "/chunk_1", os.O_RDONLY)
          writer = os.open(session + "/chunk_0", os.O_RDWR)
          os.unlink(session + "/chunk_0")
          os.unlink(session + "/chunk_1")
          put(session + "/chunk_0", chunk(4))
          put(session + "/.new", chunk(5))
          os.rename(session + "/.new", session + "/chunk_1")
          os.pwrite(writer, b"late", 0)
          os.pwrite(writer, b"later", size + 10)
          assert os.pread(reader, size + 1, 0) == chunk(1)
          assert os.fstat(writer).st_size == size + 15
          complete([chunk(4), chunk(5)])
          os.pwrite(writer, b"too late", 5)
          os.close(writer)
          os.close(reader)
          assert get(M + "/images/user-7/2026/11/a.dcm") == chunk(4) + chunk(5)
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A chunk with holes, a mapped one and one allocated beforehand read as they were written")
  func unusual() throws {
    try withMount { m in
      try m.python(
        "import mmap\n" + Self.uploads + #"""

          send(0, 10)
          with open(session + "/chunk_1", "wb") as file:
              file.seek(100_000)
              file.write(b"end")
          fd = os.open(session + "/chunk_2", os.O_CREAT | os.O_RDWR)
          os.posix_fallocate(fd, 0, 5000)
          os.pwrite(fd, b"abc", 0)
          os.close(fd)
          send(3, 8192)
          fd = os.open(session + "/chunk_3", os.O_RDONLY)
          with mmap.mmap(fd, 8192, prot=mmap.PROT_READ) as view: assert view[:] == chunk(3, 8192)
          assert os.lseek(fd, 0, os.SEEK_HOLE) == 8192 and os.lseek(fd, 7, os.SEEK_DATA) == 7
          os.close(fd)
          complete([chunk(0, 10), bytes(100_000) + b"end", b"abc" + bytes(4997), chunk(3, 8192)])
          """#)
    }
  }

  @Test("A chunk changes places with another chunk, not with a work name")
  func exchanged() throws {
    try withMount { m in
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.makedirs(M + "/images/user-7/2026/11")
        os.mkdir(session)
        a, b, w = (os.urandom(30000) for _ in range(3))
        for name, part in [("chunk_0", a), ("chunk_1", b), (".w", w)]: put(f"{session}/{name}", part)
        for one, other in [(".w", "chunk_0"), ("chunk_1", ".w")]:
            refused(errno.EPERM, renameat2, f"{session}/{one}", f"{session}/{other}", 2)
        renameat2(session + "/chunk_0", session + "/chunk_1", 2)
        assert get(session + "/.w") == w and get(session + "/chunk_0") == b
        os.unlink(session + "/.w")
        put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
        assert get(M + "/images/user-7/2026/11/a.dcm") == b + a
        """#)
    }
  }
}
