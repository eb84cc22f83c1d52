import Testing

/// A server that dies when it has carried out what it was asked for, and has not said so.
@Suite(
  "Killed after it has changed something a mount", .mounting, .needs("python3", "strace"), .timeLimit(.minutes(15)))
struct KilledAfterTests {
  /// Python's `killed_after(call, done, body)`: runs `body` beside a server that is killed when its system call has been
  /// done, which `done` tells, and has not returned yet.
  private static let killedAfter = #"""
    import threading
    def killed_after(call, done, body):
        delaying = traced(server(), "-o", "/dev/null", "-e", "trace=" + call, "-e", f"inject={call}:delay_exit=3s")
        failures = []
        def run():
            try: body()
            except BaseException as error: failures.append(error)
        moving = threading.Thread(target=run)
        moving.start()
        assert poll(done)
        first = server()
        os.kill(first, signal.SIGKILL)
        moving.join()
        delaying.wait()
        assert not failures, failures
        assert poll(lambda: server() != first)

    """#

  @Test("has temporary files in the folder that was renamed, also after the next mount")
  func folder() throws {
    try withMount { m in
      try m.python(
        Self.killedAfter + #"""
          old, new = M + "/images/user-5", M + "/images/user-6"
          os.makedirs(old + "/2026/11")
          put(old + "/2026/11/.a.tmp", b"work" * 100)
          put(old + "/2026/11/.empty.tmp", b"")
          # Their releases have been served by then.
          os.listdir(old + "/2026/11")
          killed_after("renameat2", lambda: os.path.exists(R + "/images/user-6"), lambda: os.rename(old, new))
          assert sorted(os.listdir(new + "/2026/11")) == [".a.tmp", ".empty.tmp"], os.listdir(new + "/2026/11")
          assert get(new + "/2026/11/.a.tmp") == b"work" * 100
          """#)
      try m.unmount()
      try m.mount()
      try m.python(
        #"""
        month = M + "/images/user-6/2026/11"
        assert sorted(os.listdir(month)) == [".a.tmp", ".empty.tmp"], os.listdir(month)
        os.rename(month + "/.a.tmp", month + "/a.dcm")
        os.unlink(month + "/.empty.tmp")
        assert get(R + "/images/user-6/2026/11/a.dcm") == b"work" * 100
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("has temporary files with the images beside which they were, where two folders were exchanged")
  func exchanged() throws {
    try withMount { m in
      try m.python(
        Self.killedAfter + #"""
          one, two = M + "/images/user-1", M + "/images/user-2"
          for folder in one, two:
              os.makedirs(folder + "/2026/11")
              put(folder + "/2026/11/i.dcm", folder.encode())
              put(folder + "/2026/11/.work", folder.encode())
          os.listdir(two + "/2026/11")
          path = R + "/images/user-1/2026/11/i.dcm"
          killed_after("renameat2", lambda: get(path) == two.encode(), lambda: renameat2(one, two, EXCHANGE))
          for folder, other in (one, two), (two, one):
              for name in "/2026/11/i.dcm", "/2026/11/.work": assert get(folder + name) == other.encode(), folder + name
          """#)
      try m.unmount()
      try m.mount()
      try m.python(
        #"""
        one, two = M + "/images/user-1", M + "/images/user-2"
        for folder, other in (one, two), (two, one):
            for name in "/2026/11/i.dcm", "/2026/11/.work": assert get(folder + name) == other.encode(), folder + name
            os.unlink(folder + "/2026/11/.work")
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("knows a file that has lost one of two names by the other")
  func link() throws {
    try withMount { m in
      try m.python(
        Self.killedAfter + #"""
          a, b, first = (M + "/temp/processing/" + name for name in ("a", "b", "first"))
          file = os.open(first, os.O_CREAT | os.O_RDWR)
          os.link(first, b)
          os.link(first, a)
          os.unlink(first)
          fcntl.flock(file, fcntl.LOCK_EX)
          # The names are looked up anew, `a` as the last: by that the file is known.
          with open("/proc/sys/vm/drop_caches", "w") as control: control.write("2")
          killed_after("unlinkat", lambda: not os.path.exists(a.replace(M, R)), lambda: os.unlink(a))
          other = os.open(b, os.O_RDWR)
          refused(errno.EAGAIN, fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB)
          os.write(file, b"x" * 1000000)
          assert os.fstat(other).st_size == os.stat(b).st_size == 1000000
          os.close(file)
          os.close(other)
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("counts a file that mknod made once")
  func makeNode() throws {
    try withMount { m in
      try m.python(
        Self.killedAfter + #"""
          path = M + "/temp/processing/a"
          killed_after("mknodat", lambda: os.path.exists(path.replace(M, R)), lambda: os.mknod(path, 0o600))
          assert os.path.exists(path)
          """#)
      try m.expectStatsAsWalked()
    }
  }
}
