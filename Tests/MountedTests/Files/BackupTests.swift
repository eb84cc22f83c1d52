import Testing

/// What a backup of the mount relies on: times of change that only callers move, and blocks where there are bytes.
@Suite("A backup of the mount", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct BackupTests {
  private static let records = #"""
    folder = M + "/images/user-7/2026/11"
    def settled(path):
        """Whether the service has done with a file what it does by itself."""
        stored = path.replace(M, R)
        return os.stat(stored).st_nlink == 1 and "user.mammofs.sha256" in os.listxattr(stored)
    def ctime(path): return os.stat(path).st_ctime_ns
    def asked(path):
        """The time of change, of which the kernel remembers nothing."""
        with open(path, "rb") as file: file.read(1)
        return ctime(path)
    """#

  @Test("the service's own work does not show in a file's time of change", arguments: ["close", "crash", "reopened"])
  func ownWork(how: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        Self.records + "\n" + #"""
          path = folder + "/a.dcm"
          put(path, os.urandom(100000))
          os.chmod(path, 0o640)
          before = ctime(path)
          assert asked(path) == before
          how = os.environ["HOW"]
          if how == "crash": crash()
          def same():
              assert asked(path) == before, "moved while nobody changed it"
              return settled(path)
          assert poll(same, 60), "no digest"
          if how == "reopened":
              # The digest goes before a change; none comes.
              os.close(os.open(path, os.O_RDWR))
              assert poll(same, 60), "no digest"
          if how == "crash":
              crash()
              same()
          os.setxattr(path, "user.k", b"v")
          assert asked(path) > before, "a caller's change does not show"
          changed = asked(path)
          os.chmod(path, 0o600)
          assert asked(path) > changed, "a caller's change does not show"
          """#, ["HOW": how], seconds: 150)
    }
  }

  @Test("tar of a file that was just stored exits with 0, whenever it reads it", .needs("tar"))
  func tar() throws {
    try withMount { m in
      try m.month()
      try m.python(
        Self.records + "\n" + #"""
          paths = [f"{folder}/{n}.dcm" for n in range(20)]
          for path in paths: put(path, os.urandom(200000))
          while True:
              done = all(settled(path) for path in paths)
              said = subprocess.run(["tar", "-C", folder, "-cf", D + "/t.tar", "."], capture_output=True, text=True)
              assert said.returncode == 0, said.stderr
              if done: break
          """#, seconds: 150)
    }
  }

  @Test(
    "a change by way of a shared mapping shows in the times, at the latest when the file is closed",
    arguments: ["images/user-7/2026/11/a.dcm", "temp/processing/a"], ["close", "later"])
  func mapped(path: String, how: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        path = M + "/" + os.environ["F"]
        put(path, b"x" * (1 << 20))
        for turn in range(3):
            os.utime(path, (1000, 1000))
            assert os.stat(path).st_mtime == 1000
            fd = os.open(path, os.O_RDWR)
            mapping = mmap.mmap(fd, 1 << 20)
            assert os.stat(path).st_mtime == 1000
            if os.environ["HOW"] == "later":
                # The mapping holds a duplicate; the close of the last one ends it.
                os.close(fd)
                mapping[7] = turn + 1
                mapping.flush()
                mapping.close()
                assert poll(lambda: os.stat(path).st_mtime > 1000)
            else:
                mapping[7] = turn + 1
                mapping.close()
                os.close(fd)
                assert os.stat(path).st_mtime > 1000, "the old time"
            assert os.stat(path).st_mtime_ns == os.stat(path.replace(M, R)).st_mtime_ns
        """#, ["F": path, "HOW": how])
    }
  }

  @Test("the times of a month folder are those of the storage root when a file has been stored in it")
  func folderTimes() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        folder = M + "/images/user-7/2026/11"
        def times(path): return [getattr(os.stat(path), name) for name in ("st_mtime_ns", "st_ctime_ns")]
        for name in ("a.dcm", "b.dcm"):
            with open(f"{folder}/{name}", "wb") as file:
                times(folder)
                file.write(b"x")
            assert times(folder) == times(folder.replace(M, R))
        """#)
    }
  }

  @Test("a chunk takes at least as many blocks as its bytes, and tar -S stores it as it is", .needs("tar"))
  func blocks() throws {
    try withMount { m in
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.mkdir(session); os.mkdir(D + "/out")
        for name in ("chunk_0", "chunk_1", "chunk_7", ".work"):
            content = os.urandom(100000)
            put(f"{session}/{name}", content)
            found = os.stat(f"{session}/{name}")
            assert found.st_blocks * 512 >= found.st_size, (name, found)
            subprocess.run(["tar", "-C", session, "-cSf", D + "/t.tar", name], check=True)
            subprocess.run(["tar", "-C", D + "/out", "-xf", D + "/t.tar"], check=True)
            assert get(f"{D}/out/{name}") == content, name
        for name in (".stats", "../../../.stats", "../../../.errors"):
            found = os.stat(f"{session}/{name}")
            assert found.st_blocks * 512 >= found.st_size, (name, found)
        """#)
    }
  }

  @Test("tar --xattrs restores what it has saved, attributes and all", .needs("tar"), .needs("setfattr"))
  func attributes() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        for path in ("images/user-7/2026/11/a.dcm", "thumbnails/user-7/2026/11/a_thumb.jpg", "temp/uploads/s/chunk_0"):
            os.makedirs(os.path.dirname(f"{M}/{path}"), exist_ok=True)
            content = os.urandom(50000)
            put(f"{M}/{path}", content)
            os.setxattr(f"{M}/{path}", "user.k", b"v")
            top = os.path.dirname(path)
            subprocess.run(["tar", "-C", M, "--xattrs", "-cf", D + "/t.tar", top], check=True)
            shutil.rmtree(f"{M}/{top}")
            subprocess.run(["tar", "-C", M, "--xattrs", "-xf", D + "/t.tar"], check=True)
            assert get(f"{M}/{path}") == content and os.getxattr(f"{M}/{path}", "user.k") == b"v", path
            if "uploads" not in path: assert get(f"{R}/{path}") == content
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("mknod makes a file as an open does, and says no where an open does")
  func made() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        folder, session = M + "/images/user-7/2026/11", M + "/temp/uploads/s"
        os.mkdir(session)
        file = stat.S_IFREG | 0o640
        for path in (folder + "/a.dcm", folder + "/.a.dcm.x1", session + "/chunk_3", session + "/.w"):
            os.mknod(path, file)
            found = os.stat(path)
            assert (found.st_mode, found.st_size) == (file, 0), path
            refused(errno.EEXIST, os.mknod, path, file)
        assert os.path.exists(folder.replace(M, R) + "/a.dcm") and not os.path.exists(folder.replace(M, R) + "/.a.dcm.x1")
        assert '"chunks": 1' in get(session + "/.stats").decode()
        refused(errno.EPERM, os.mknod, session + "/.complete", file)
        assert "renamed" in get(M + "/.errors").decode()
        refused(errno.EINVAL, os.mknod, session + "/other", file)
        assert " mknod temp/uploads/s/other EINVAL " in get(M + "/.errors").decode(), get(M + "/.errors")
        refused(errno.EPERM, os.mknod, M + "/images/a", file)
        refused(errno.EPERM, os.mknod, folder + "/p", stat.S_IFIFO | 0o640)
        # As an NFS server goes on: the file is new until it was written and closed.
        stored = folder.replace(M, R) + "/a.dcm"
        fd = os.open(folder + "/a.dcm", os.O_WRONLY)
        os.write(fd, b"half")
        assert not os.path.exists(stored), "half a file under a final name"
        crash()
        os.write(fd, b" and half")
        os.close(fd)
        assert get(stored) == get(folder + "/a.dcm") == b"half and half"
        os.unlink(folder + "/.a.dcm.x1")
        os.unlink(session + "/.w")
        """#)
      try m.expectStatsAsWalked()
      try m.remount()
      try m.expectStatsAsWalked()
    }
  }
}
