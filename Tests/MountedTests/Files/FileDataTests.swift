import Testing

/// What can be done with a file's data: in month folders, and in the workspace alike.
@Suite("A file's data", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct FileDataTests {
  static let places = ["images/user-7/2026/11", "temp/processing"]

  /// Runs a script with `here` and `stored` as folders that hold files.
  private func inPlace(_ place: String, _ script: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        "here, stored = M + '/' + os.environ['P'] + '/', R + '/' + os.environ['P'] + '/'\n" + script, ["P": place])
      try m.expectStatsAsWalked()
    }
  }

  @Test("fstat, ftruncate, fchmod, fchown and futimens work after unlink", arguments: places)
  func afterUnlink(place: String) throws {
    try inPlace(
      place,
      #"""
      put(here + "old", b"0123456789")
      for fd in (os.open(here + "old", os.O_RDWR), os.open(here + "new", os.O_CREAT | os.O_RDWR)):
          os.write(fd, b"abc")
          os.unlink(here + ("old" if os.path.exists(here + "old") else "new"))
          assert os.fstat(fd).st_nlink == 0
          os.ftruncate(fd, 5)
          assert os.fstat(fd).st_size == 5
          os.fchmod(fd, 0o600)
          os.fchown(fd, 77, 78)
          os.utime(fd, ns=(1_000_000_001, 2_000_000_002))
          found = os.fstat(fd)
          assert stat.S_IMODE(found.st_mode) == 0o600 and (found.st_uid, found.st_gid) == (77, 78)
          assert found.st_mtime_ns == 2_000_000_002
          assert os.pread(fd, 3, 0) == b"abc"
          os.close(fd)
      assert os.listdir(here) == [] and os.listdir(stored) == []
      """#)
  }

  @Test("O_APPEND writes at the end, from several processes without a loss", arguments: places)
  func append(place: String) throws {
    try inPlace(
      place,
      #"""
      put(here + "log", b"")
      children = []
      for worker in range(4):
          child = os.fork()
          if child == 0:
              fd = os.open(here + "log", os.O_WRONLY | os.O_APPEND)
              for i in range(200): os.write(fd, b"%d %04d\n" % (worker, i))
              os.close(fd)
              os._exit(0)
          children.append(child)
      for child in children: assert os.waitpid(child, 0)[1] == 0
      lines = get(here + "log").splitlines()
      assert len(lines) == 800 and len(set(lines)) == 800 and all(len(l) == 6 for l in lines)
      fd = os.open(here + "log", os.O_RDWR | os.O_APPEND)
      os.lseek(fd, 0, os.SEEK_SET)
      os.write(fd, b"end")
      os.close(fd)
      assert get(here + "log").endswith(b"end") and len(get(stored + "log")) == 800 * 7 + 3
      """#)
  }

  @Test("mmap reads and writes, shared and private", arguments: places)
  func mapped(place: String) throws {
    try inPlace(
      place,
      #"""
      fd = os.open(here + "a", os.O_CREAT | os.O_RDWR)
      os.ftruncate(fd, 10000)
      shared = mmap.mmap(fd, 10000)
      shared[5000:5005] = b"hello"
      shared.flush()
      os.close(fd)
      shared[0:2] = b"hi"
      shared.close()
      assert poll(lambda: os.path.exists(stored + "a"))
      assert poll(lambda: get(here + "a")[:2] == b"hi" and get(stored + "a")[:2] == b"hi")
      assert get(stored + "a")[5000:5005] == b"hello"
      with open(here + "a", "rb") as file:
          private = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
          private[0:2] = b"no"
          private.close()
      assert get(here + "a")[:2] == b"hi"
      """#)
  }

  @Test("O_DIRECT is taken, or refused in full", arguments: places)
  func direct(place: String) throws {
    try inPlace(
      place,
      #"""
      block = mmap.mmap(-1, 8192)
      block[:] = bytes(range(256)) * 32
      try:
          fd = os.open(here + "a", os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
      except OSError as error:
          assert error.errno == errno.EINVAL
          if os.path.exists(here + "a"): os.unlink(here + "a")
          sys.exit(0)
      assert os.write(fd, block) == 8192
      os.close(fd)
      assert get(here + "a") == bytes(block)
      fd = os.open(here + "a", os.O_RDONLY | os.O_DIRECT)
      target = mmap.mmap(-1, 8192)
      assert os.readv(fd, [target]) == 8192 and target[:] == block[:]
      os.close(fd)
      """#)
  }

  @Test("fallocate reserves, extends and punches; what it cannot do is EOPNOTSUPP", arguments: places)
  func fallocate(place: String) throws {
    try inPlace(
      place,
      #"""
      fd = os.open(here + "a", os.O_CREAT | os.O_RDWR)
      os.posix_fallocate(fd, 0, 100000)
      assert os.fstat(fd).st_size == 100000
      def fallocate(mode, offset, length):
          call = libc.fallocate
          call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
          if call(fd, mode, offset, length) != 0:
              code = ctypes.get_errno()
              raise OSError(code, os.strerror(code))
      fallocate(1, 0, 200000)  # FALLOC_FL_KEEP_SIZE
      assert os.fstat(fd).st_size == 100000
      os.pwrite(fd, b"x" * 65536, 0)
      fallocate(3, 4096, 4096)  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
      assert os.pread(fd, 8192, 2048) == b"x" * 2048 + bytes(4096) + b"x" * 2048
      before = get(here + "a")
      try:
          fallocate(8, 0, 4096)  # FALLOC_FL_COLLAPSE_RANGE
          assert get(here + "a") == before[4096:]
      except OSError as error:
          assert error.errno == errno.EOPNOTSUPP, error
          assert get(here + "a") == before
      os.close(fd)
      """#)
  }

  @Test("SEEK_HOLE and SEEK_DATA tell of data", arguments: places)
  func holes(place: String) throws {
    try inPlace(
      place,
      #"""
      fd = os.open(here + "a", os.O_CREAT | os.O_RDWR)
      os.pwrite(fd, b"x" * 4096, 1 << 20)
      os.ftruncate(fd, 3 << 20)
      data = os.lseek(fd, 0, os.SEEK_DATA)
      assert data in (0, 1 << 20), data
      hole = os.lseek(fd, 1 << 20, os.SEEK_HOLE)
      assert (1 << 20) + 4096 <= hole <= 3 << 20, hole
      refused(errno.ENXIO, os.lseek, fd, 4 << 20, os.SEEK_DATA)
      refused(errno.ENXIO, os.lseek, fd, 4 << 20, os.SEEK_HOLE)
      os.close(fd)
      """#)
  }

  @Test("copy_file_range copies, from one place to another as well", arguments: places)
  func copyRange(place: String) throws {
    try inPlace(
      place,
      #"""
      content = os.urandom(300000)
      put(M + "/temp/processing/source", content)
      source = os.open(M + "/temp/processing/source", os.O_RDONLY)
      target = os.open(here + "a", os.O_CREAT | os.O_RDWR)
      done = 0
      while done < len(content):
          count = os.copy_file_range(source, target, len(content) - done)
          assert count > 0
          done += count
      os.copy_file_range(source, target, 1000, 5000, 0)
      os.close(target); os.close(source)
      assert get(here + "a") == content[5000:6000] + content[1000:]
      assert get(stored + "a") == get(here + "a")
      """#)
  }

  @Test("flock and fcntl locks exclude other processes", arguments: places)
  func locks(place: String) throws {
    try inPlace(
      place,
      #"""
      put(here + "a", b"0123456789")
      first, second = (os.open(here + "a", os.O_RDWR) for _ in range(2))
      fcntl.flock(first, fcntl.LOCK_EX)
      refused(errno.EWOULDBLOCK, fcntl.flock, second, fcntl.LOCK_EX | fcntl.LOCK_NB)
      fcntl.flock(first, fcntl.LOCK_UN)
      fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
      fcntl.lockf(first, fcntl.LOCK_EX, 5, 0)
      child = os.fork()
      if child == 0:
          fd = os.open(here + "a", os.O_RDWR)
          try:
              refused((errno.EACCES, errno.EAGAIN), fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 0)
              fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 5)
          except BaseException as error:
              print(error, file=sys.stderr)
              os._exit(1)
          os._exit(0)
      assert os.waitpid(child, 0)[1] == 0
      os.close(first); os.close(second)
      """#)
  }

  @Test("Extended attributes of users are kept; the file system's own are not written", arguments: places)
  func attributes(place: String) throws {
    try withMount { m in
      try m.month()
      let path = try m.python(
        #"""
        path = M + "/" + os.environ["P"] + "/a"
        put(path, b"x")
        os.setxattr(path, "user.patient", b"42")
        os.setxattr(path, "user.empty", b"")
        os.setxattr(path, "user.big", b"v" * 1000)
        assert os.getxattr(path, "user.patient") == b"42" and os.getxattr(path, "user.empty") == b""
        assert {"user.patient", "user.empty", "user.big"} <= set(os.listxattr(path))
        refused(errno.EEXIST, os.setxattr, path, "user.patient", b"1", os.XATTR_CREATE)
        refused(errno.ENODATA, os.setxattr, path, "user.none", b"1", os.XATTR_REPLACE)
        refused(errno.ENODATA, os.getxattr, path, "user.none")
        os.removexattr(path, "user.empty")
        refused(errno.ENODATA, os.removexattr, path, "user.empty")
        refused((errno.EPERM, errno.EACCES, errno.EOPNOTSUPP), os.setxattr, path, "user.mammofs.origin", b"x")
        refused((errno.EPERM, errno.EACCES, errno.EOPNOTSUPP), os.setxattr, path, "user.mammofs.other", b"x")
        fd = os.open(path, os.O_RDWR)
        os.setxattr(fd, "user.open", b"y")
        assert os.getxattr(fd, "user.open") == b"y"
        os.close(fd)
        os.rename(path, path + "2")
        assert os.getxattr(path + "2", "user.patient") == b"42"
        print(path + "2")
        """#, ["P": place])
      try m.remount()
      try m.python(
        #"""
        path = os.environ["F"]
        assert os.getxattr(path, "user.patient") == b"42" and os.getxattr(path, "user.open") == b"y"
        assert not any(name.startswith("user.mammofs.") for name in os.listxattr(path)), os.listxattr(path)
        """#, ["F": path])
    }
  }

  @Test("A file of no name (O_TMPFILE) is made or refused, never half of it", arguments: places)
  func unnamed(place: String) throws {
    try inPlace(
      place,
      #"""
      try:
          fd = os.open(here, os.O_TMPFILE | os.O_RDWR)
      except OSError as error:
          assert error.errno in (errno.EOPNOTSUPP, errno.EPERM, errno.EISDIR, errno.EINVAL), error
      else:
          os.write(fd, b"x")
          os.close(fd)
      assert os.listdir(here) == []
      """#)
  }

  @Test("Large writes at odd offsets come back as written", arguments: places)
  func randomWrites(place: String) throws {
    try inPlace(
      place,
      #"""
      seed = random.randrange(1 << 32)
      print("seed", seed)
      source = random.Random(seed)
      model = bytearray()
      fd = os.open(here + "a", os.O_CREAT | os.O_RDWR)
      for step in range(300):
          offset = source.randrange(2_000_000)
          if step % 20 == 19:
              os.ftruncate(fd, offset)
              model = model[:offset] + bytes(max(0, offset - len(model)))
              continue
          data = source.randbytes(source.randrange(1, 200_000))
          assert os.pwrite(fd, data, offset) == len(data)
          model += bytes(max(0, offset + len(data) - len(model)))
          model[offset:offset + len(data)] = data
          if step % 10 == 0:
              start = source.randrange(len(model))
              assert os.pread(fd, 5000, start) == model[start:start + 5000], (seed, step)
      assert os.fstat(fd).st_size == len(model)
      os.close(fd)
      assert get(here + "a") == model and get(stored + "a") == model, seed
      """#)
  }
}
