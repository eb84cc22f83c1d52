import Testing

/// What a write that failed leaves: the storage root lies on a small disk, which is filled and emptied meanwhile.
@Suite("After a write that failed", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct FailedWriteTests {
  private func withSmallDisk(_ body: (MountedRoot) throws -> Void) throws {
    try withoutMount("--min-free", "10M", "--create") { m in
      try m.sh("mount -t tmpfs -o size=100M tmpfs \"$R\"")
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try m.mount()
      try m.month()
      try body(m)
    }
  }

  private static let filling = #"""
    month, session = M + "/images/user-7/2026/11", M + "/temp/uploads/s"
    os.mkdir(session)
    def fill():
        with open(R + "/filler", "wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 20)) == 1 << 20: pass
            except OSError: pass
    def free(): os.unlink(R + "/filler")
    def fill_but(mebibytes):
        fill()
        os.truncate(R + "/filler", os.stat(R + "/filler").st_size - (mebibytes << 20))
    def new(path): return os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    """#

  @Test("a chunk that was saved before is as it was, also for the next server")
  func savedChunk() throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          parts = [os.urandom(300000) for _ in range(3)]
          for index, part in enumerate(parts): put(f"{session}/chunk_{index}", part)
          fill()
          fd = os.open(session + "/chunk_1", os.O_WRONLY)
          refused(errno.ENOSPC, os.write, fd, b"X")
          refused(errno.ENOSPC, os.close, fd)
          free()
          for _ in range(2):
              assert get(session + "/chunk_1") == parts[1]
              stats = get(session + "/.stats").decode()
              assert '"chunks": 3' in stats and '"missing": []' in stats, stats
              crash()
          put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
          assert get(month + "/a.dcm") == b"".join(parts)
          """#)
    }
  }

  @Test("what is written anew while the rest of it is put away is not lost", arguments: ["image", "chunk"])
  func writtenMeanwhile(kind: String) throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          import threading
          folder, name = (month, "a.dcm") if os.environ["KIND"] == "image" else (session, "chunk_0")
          path = f"{folder}/{name}"
          fill_but(11)
          first = new(path)
          os.write(first, bytes(100000))
          free(); fill()
          refused(errno.ENOSPC, os.write, first, bytes(100000))
          free()
          slow = "renameat2" if os.environ["KIND"] == "image" else "unlinkat"
          tracer = traced(server(), "-o", "/dev/null", "-e", "trace=" + slow, "-e", f"inject={slow}:delay_enter=1s:when=1")
          closing = threading.Thread(target=refused, args=(errno.ENOSPC, os.close, first))
          closing.start()
          for turn in range(200):
              put(path, b"whole %d" % turn)
              assert get(path) == b"whole %d" % turn, turn
          closing.join()
          tracer.terminate(); tracer.wait()
          assert get(path) == b"whole 199"
          if os.environ["KIND"] == "image": assert get(path.replace(M, R)) == b"whole 199"
          """#, ["KIND": kind])
      try m.expectStatsAsWalked()
    }
  }

  @Test("its name can be used again at once, and what there is of it is found", arguments: ["image", "chunk"])
  func triedAgain(kind: String) throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          folder, name = (month, "a.dcm") if os.environ["KIND"] == "image" else (session, "chunk_0")
          path, recovered = f"{folder}/{name}", M + "/temp/processing/recovered"
          fill_but(14)
          assert not os.path.exists(recovered)
          for turn in range(100):
              try: file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
              except OSError as error:
                  # What the others have left fills the disk.
                  assert error.errno == errno.ENOSPC and os.environ["KIND"] == "image", error
                  assert poll(lambda: os.path.exists(recovered))
                  shutil.rmtree(recovered)
                  continue
              def write():
                  while True: os.write(file, bytes(1 << 20))
              refused(errno.ENOSPC, write)
              refused(errno.ENOSPC, os.close, file)
          assert poll(lambda: not os.path.exists(path) and not os.path.exists(path.replace(M, R)))
          shutil.rmtree(recovered, ignore_errors=True)
          free()
          put(path, b"whole")
          assert get(path) == b"whole"
          """#, ["KIND": kind])
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "half an image is not seen under its name, also where it cannot be put away before the next mount",
    .needs("strace"))
  func noRoomForName() throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          path = month + "/a.dcm"
          fill_but(11)
          file = new(path)
          os.write(file, b"x" * 100000)
          free(); fill()
          refused(errno.ENOSPC, os.write, file, bytes(100000))
          full = traced(server(), "-o", "/dev/null", "-e", "trace=renameat2", "-e", "inject=renameat2:error=ENOSPC")
          refused(errno.ENOSPC, os.close, file)
          assert poll(lambda: not os.path.exists(path)), "half an image under its name"
          assert os.listdir(month) == [], os.listdir(month)
          full.terminate(); full.wait()
          assert "the next mount does that" in get(M + "/.errors").decode()
          """#)
      try m.expectStatsAsWalked()
      try m.remount()
      try m.python(
        #"""
        recovered = M + "/temp/processing/recovered"
        assert poll(lambda: os.path.exists(recovered))
        [name] = os.listdir(recovered)
        assert get(f"{recovered}/{name}")[:100000] == b"x" * 100000
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("a new file does not get its name by the close of another who has it open", arguments: ["image", "chunk"])
  func secondOpen(kind: String) throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          folder, name = (month, "a.dcm") if os.environ["KIND"] == "image" else (session, "chunk_0")
          path = f"{folder}/{name}"
          fill_but(11)
          first = new(path)
          second = os.open(path, os.O_WRONLY)
          os.write(first, bytes(100000))
          free(); fill()
          refused(errno.ENOSPC, os.write, first, bytes(100000))
          refused(errno.ENOSPC, os.close, first)
          free()
          refused(errno.ENOSPC, os.close, second)
          assert poll(lambda: not os.path.exists(path))
          assert not os.path.exists(path.replace(M, R))
          put(path, b"whole")
          assert get(path) == b"whole"
          """#, ["KIND": kind])
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "a new file is whole whatever fails for an earlier one of its name, which is open still",
    arguments: ["deleted", "replaced"])
  func nameless(how: String) throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          path, other = month + "/a.dcm", month + "/b.dcm"
          fill_but(11)
          first = new(path)
          os.write(first, bytes(100000))
          if os.environ["HOW"] == "deleted":
              os.unlink(path)
              second = new(path)
          else:
              second = new(other)
              os.rename(other, path)
          os.write(second, b"whole")
          free(); fill()
          refused(errno.ENOSPC, os.write, first, bytes(100000))
          # Nobody finds it any more, so that nobody takes it for a whole one.
          os.close(first)
          free()
          os.close(second)
          for root in (M, R): assert get(path.replace(M, root)) == b"whole"
          os.rename(path, other)
          assert not os.path.exists(M + "/temp/processing/recovered")
          """#, ["HOW": how])
      try m.expectStatsAsWalked()
    }
  }

  @Test("a file with a work name does not become an image, until it is written anew")
  func workName() throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          work, image = month + "/.a.dcm.Ab12Cd", month + "/a.dcm"
          fill_but(11)
          fd = new(work)
          os.write(fd, b"half")
          free(); fill()
          refused(errno.ENOSPC, os.write, fd, bytes(100000))
          refused(errno.ENOSPC, os.close, fd)
          free()
          refused(errno.ENOSPC, os.rename, work, image)
          crash()
          refused(errno.ENOSPC, os.rename, work, image)
          assert not os.path.exists(image) and get(work) == b"half"
          put(month + "/b.dcm", b"b")
          refused(errno.ENOSPC, renameat2, work, month + "/b.dcm", 2)
          assert "write it anew" in get(M + "/.errors").decode()
          # Appending would leave what is missing.
          with open(work, "ab", buffering=0) as file: file.write(b"more")
          refused(errno.ENOSPC, os.rename, work, image)
          put(work, b"whole")
          crash()
          os.rename(work, image)
          assert get(image) == b"whole" and os.path.exists(image.replace(M, R))
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("a rename of it that is refused leaves what is in the way", arguments: ["being written", "published"])
  func inTheWay(target: String) throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          work, image = month + "/.a.dcm.Ab12Cd", month + "/a.dcm"
          fill_but(11)
          fd = new(work)
          os.write(fd, b"half")
          free(); fill()
          refused(errno.ENOSPC, os.write, fd, bytes(100000))
          refused(errno.ENOSPC, os.close, fd)
          free()
          other = new(image)
          os.write(other, b"whole")
          if os.environ["TARGET"] == "published": os.close(other)
          refused(errno.ENOSPC, os.rename, work, image)
          if os.environ["TARGET"] != "published": os.close(other)
          for root in (M, R): assert get(image.replace(M, root)) == b"whole"
          os.unlink(work)
          """#, ["TARGET": target])
      try m.expectStatsAsWalked()
    }
  }

  @Test("a file with a work name that was emptied and written anew is whole, whoever served it meanwhile")
  func workNameAnew() throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          work, image = month + "/.a.dcm.Ab12Cd", month + "/a.dcm"
          fd = new(work)
          os.write(fd, b"half")
          fill()
          refused(errno.ENOSPC, os.write, fd, bytes(100000))
          refused(errno.ENOSPC, os.close, fd)
          free()
          # Its release comes after the close.
          staged = [R + "/.mammofs/staging/" + name for name in os.listdir(R + "/.mammofs/staging")]
          assert len(staged) == 1 and poll(lambda: "user.mammofs.failure" in os.listxattr(staged[0])), staged
          fd = os.open(work, os.O_WRONLY)
          crash()
          os.ftruncate(fd, 0)
          os.write(fd, b"whole")
          os.close(fd)
          crash()
          os.rename(work, image)
          assert get(image) == b"whole"
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("in the workspace only the write itself fails, and other calls go on as on any file system", .needs("sqlite3"))
  func workspace() throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          path = M + "/temp/processing/w"
          fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
          os.write(fd, b"a" * 100)
          fill()
          refused(errno.ENOSPC, os.pwrite, fd, bytes(100000), 1 << 20)
          os.fsync(fd)
          free()
          os.pwrite(fd, b"b", 0)
          os.fsync(fd)
          os.close(fd)
          assert get(path)[:100] == b"b" + b"a" * 99
          import sqlite3
          db = sqlite3.connect(M + "/temp/processing/t.db", isolation_level=None)
          db.execute("pragma journal_mode=wal")
          db.execute("create table t(a blob)")
          fill()
          try:
              for _ in range(50): db.execute("insert into t values(?)", (b"2" * 500000,))
              raise AssertionError("the disk is full")
          except sqlite3.OperationalError: pass
          free()
          db.execute("insert into t values(?)", (b"3" * 500000,))
          db.close()
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("an image that is there is changed in place: a write that fails concerns nobody but its caller")
  func inPlace() throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          path = month + "/a.dcm"
          put(path, b"a" * 100)
          fill_but(11)
          fd = os.open(path, os.O_WRONLY)
          free(); fill()
          refused(errno.ENOSPC, os.pwrite, fd, bytes(100000), 1 << 20)
          free()
          os.pwrite(fd, b"b", 0)
          os.fsync(fd)
          os.close(fd)
          assert get(path)[:100] == b"b" + b"a" * 99
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("a writer that writes what is missing has a whole file", arguments: ["image", "chunk"])
  func filled(kind: String) throws {
    try withSmallDisk { m in
      try m.python(
        Self.filling + "\n" + #"""
          folder, name = (month, "a.dcm") if os.environ["KIND"] == "image" else (session, "chunk_0")
          path = f"{folder}/{name}"
          fill_but(11)
          fd = new(path)
          os.write(fd, b"a" * 4096)
          free(); fill()
          refused(errno.ENOSPC, os.pwrite, fd, b"b" * 8192, 4096)
          refused(errno.ENOSPC, os.fsync, fd)
          free()
          # Other writes succeed, and do not make it whole.
          os.pwrite(fd, b"c" * 4096, 0)
          other = os.dup(fd)
          refused(errno.ENOSPC, os.close, other)
          os.pwrite(fd, b"b" * 4096, 4096)
          refused(errno.ENOSPC, os.fsync, fd)
          os.pwrite(fd, b"b" * 4096, 8192)
          os.fsync(fd)
          os.close(fd)
          assert get(path) == b"c" * 4096 + b"b" * 8192
          if os.environ["KIND"] == "image": assert get(path.replace(M, R)) == get(path)
          """#, ["KIND": kind])
      try m.expectStatsAsWalked()
    }
  }
}
