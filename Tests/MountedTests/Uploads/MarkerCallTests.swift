import Testing

/// Calls other than `read`, `write` and `close` on markers and on what is made at each reading.
@Suite("A marker, and a virtual file, as any file", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct MarkerCallTests {
  private static let prelude = #"""
    session, image, other = M + "/temp/uploads/s", M + "/images/user-1/2026/11/a.dcm", M + "/temp/processing/other"
    content = b"images/user-1/2026/11/a.dcm"
    os.mkdir(session)
    put(session + "/chunk_0", b"bytes")
    put(other, content)
    def marker(flags=os.O_WRONLY): return os.open(session + "/.complete", flags | os.O_CREAT, 0o644)
    def copied(source, target):
        """As Go's io.Copy does, which falls back for few errors only."""
        source, target, count = os.open(source, os.O_RDONLY), target, 0
        while True:
            some = os.copy_file_range(source, target, 1 << 20)
            count += some
            if some == 0: break
        os.close(source)
        return count

    """# + "\n"

  @Test("copy_file_range into a marker writes it, and its close completes the session as that says")
  func copiedInto() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          target = marker()
          assert copied(other, target) == len(content)
          os.close(target)
          assert get(image) == b"bytes"
          assert not os.path.exists(M + "/temp/processing/s")
          assert get(M + "/.errors") == b"", get(M + "/.errors")
          """#)
    }
  }

  @Test(
    "copy_file_range, sendfile and splice copy out of what is made at each reading, of a marker and of a chunk",
    arguments: [".stats", ".errors", "temp/uploads/s/.stats", "temp/uploads/s/.complete", "temp/uploads/t/chunk_0"])
  func copiedFrom(path: String) throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          put(session + "/.complete", content)
          os.mkdir(M + "/temp/uploads/t")
          put(M + "/temp/uploads/t/chunk_0", b"chunk")
          refused(errno.EINVAL, os.mkdir, M + "/images/user-1/2026/13")
          source = M + "/" + os.environ["P"]
          def copy(name, call):
              with open(source, "rb", buffering=0) as file, open(other, "wb", buffering=0) as target:
                  expected = os.pread(file.fileno(), 1 << 20, 0)
                  count = 0
                  while some := call(file.fileno(), target.fileno(), count): count += some
              assert get(other) == expected != b"", (name, get(other), expected)
          copy("copy_file_range", lambda a, b, at: os.copy_file_range(a, b, 1 << 20, at))
          copy("sendfile", lambda a, b, at: os.sendfile(b, a, at, 1 << 20))
          def spliced(a, b, at):
              out, into = os.pipe()
              count = os.splice(a, into, 1 << 16, offset_src=at) if hasattr(os, "splice") else os.write(into, os.pread(a, 1 << 16, at))
              os.close(into)
              os.write(b, os.read(out, 1 << 16))
              os.close(out)
              return count
          copy("splice", spliced)
          """#, ["P": path])
    }
  }

  @Test(
    "A marker of which a change was refused completes nothing: its close says so, and `.errors` why",
    arguments: [
      "os.pwrite(target, b'x', 1 << 20)", "os.ftruncate(target, 1 << 20)", "os.posix_fallocate(target, 0, 1 << 20)",
      "os.copy_file_range(source, target, 100, 0, 1 << 20)",
    ])
  func refusedChange(call: String) throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          source, target = os.open(other, os.O_RDONLY), marker()
          refused(errno.EINVAL, lambda: eval(os.environ["CALL"]))
          refused(errno.EINVAL, os.write, target, content)
          refused(errno.EINVAL, os.close, target)
          assert not os.path.exists(image) and not os.path.exists(M + "/temp/processing/s")
          assert not os.path.exists(session + "/.complete")
          assert b" EINVAL " in get(M + "/.errors") and b"at most" in get(M + "/.errors"), get(M + "/.errors")
          assert b"at most" in get(session + "/.stats"), get(session + "/.stats")
          put(session + "/.complete", content)
          assert get(image) == b"bytes"
          """#, ["CALL": call])
    }
  }

  @Test("What a marker does not take leaves it as it was, and whoever asks goes on without")
  func unsupported() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
          target = marker(os.O_RDWR)
          for mode in (1, 3):
              assert libc.fallocate(target, mode, 0, 1 << 20) != 0 and ctypes.get_errno() == errno.EOPNOTSUPP
          refused(errno.ENOTTY, fcntl.ioctl, target, 0x5401)
          os.write(target, b"no path yet")
          os.ftruncate(target, 0)
          os.pwrite(target, content, 0)
          assert os.lseek(target, 0, os.SEEK_DATA) == 0 and os.lseek(target, 0, os.SEEK_HOLE) == len(content)
          os.fsync(target)
          fcntl.flock(target, fcntl.LOCK_EX)
          fcntl.lockf(target, fcntl.LOCK_EX)
          assert os.pread(target, 100, 0) == content
          os.close(target)
          assert get(image) == b"bytes"
          for path in (session + "/.complete", session + "/.stats", M + "/.stats", M + "/.errors"):
              for flags in (0, os.O_DIRECT, os.O_NONBLOCK):
                  file = os.open(path, os.O_RDONLY | flags)
                  size = os.fstat(file).st_size
                  block = mmap.mmap(-1, 1 << 16)
                  assert os.preadv(file, [block], 0) > 0 or path.endswith(".errors")
                  refused((errno.ENXIO,), os.lseek, file, 1 << 20, os.SEEK_DATA)
                  refused(errno.EINVAL, os.ftruncate, file, 0)
                  refused(errno.ENOTTY, fcntl.ioctl, file, 0x5401)
                  fcntl.flock(file, fcntl.LOCK_SH)
                  fcntl.lockf(file, fcntl.LOCK_SH)
                  os.fsync(file)
                  os.close(file)
          """#)
    }
  }
}
