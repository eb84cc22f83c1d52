import Testing

/// `user.mammofs.sha256`: what it says, and that it is never of other bytes than those that are there.
@Suite("Digests", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct DigestTests {
  /// Python: `digest(path)` is what the mount shows, `hash(content)` what it should be, `given(path)` waits for it.
  static let prelude = #"""
    import hashlib
    KEY = "user.mammofs.sha256"
    def hash(content): return hashlib.sha256(content).hexdigest().encode()
    def digest(path):
        try: return os.getxattr(path, KEY)
        except OSError as error:
            assert error.errno == errno.ENODATA, error
            return None
    def settle(path):
        fd = os.open(path, os.O_RDONLY); os.fsync(fd); os.close(fd)
    def given(path):
        settle(path)
        assert poll(lambda: digest(path) == hash(get(path)), 60), (path, digest(path))
    month = M + "/images/user-7/2026/11"
    os.makedirs(month, exist_ok=True)

    """# + "\n"

  @Test("An image and a thumbnail get theirs soon after their last close, in the storage root as in the mount")
  func given() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          thumbnails = M + "/thumbnails/user-7/2026/11"
          os.makedirs(thumbnails)
          for path in [month + "/a.dcm", month + "/empty", thumbnails + "/a_thumb.jpg"]:
              put(path, b"" if path.endswith("empty") else os.urandom(3 << 20))
              given(path)
              stored = os.getxattr(R + path[len(M):], KEY)
              assert stored[:32].hex().encode() == digest(path) and len(stored) == 48
          put(month + "/unsettled.dcm", b"by itself")
          assert poll(lambda: digest(month + "/unsettled.dcm") == hash(b"by itself"), 60)
          """#)
      let shown = try m.sh(
        "getfattr --only-values -n user.mammofs.sha256 \"$M/images/user-7/2026/11/a.dcm\"; sha256sum \"$M/images/user-7/2026/11/a.dcm\""
      )
      #expect(shown.prefix(64) == shown.dropFirst(64).prefix(64), "\(shown)")
    }
  }

  @Test("Images get theirs although folders above them are renamed or change places meanwhile")
  func renamedFolders() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          # Nothing but the note of each image leads to it: the search for those without one has ended.
          assert poll(lambda: b"surveying" not in get(M + "/.stats"), 60)
          import ctypes
          names = lambda folder: [folder + f"/{number}" for number in range(20)]
          for number in names(month): put(number, number.encode())
          os.rename(month, M + "/images/user-7/2026/12")
          os.rename(M + "/images/user-7", M + "/images/user-8")
          os.makedirs(M + "/images/user-7/2026/01")
          for number in names(M + "/images/user-7/2026/01"): put(number, number.encode() + b"other")
          paths = [(M + "/images/user-7").encode(), (M + "/images/user-8").encode()]
          assert ctypes.CDLL(None).renameat2(-100, paths[0], -100, paths[1], 2) == 0
          for path in names(M + "/images/user-7/2026/12") + names(M + "/images/user-8/2026/01"):
              assert poll(lambda: digest(path) == hash(get(path)), 60), path
          """#)
    }
  }

  @Test("An enormous file keeps neither the others from theirs nor the mount from ending")
  func enormous() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          put(month + "/enormous.dcm")
          os.truncate(month + "/enormous.dcm", 8 << 40)
          def ticks():
              used = 0
              for thread in os.listdir(f"/proc/{server()}/task"):
                  text = open(f"/proc/{server()}/task/{thread}/stat").read()
                  if "(digests-idle)" in text: used += int(text.rsplit(")", 1)[1].split()[11])
              return used
          # It is being read.
          assert poll(lambda: ticks() > 20, 60)
          put(month + "/small.dcm", b"small")
          given(month + "/small.dcm")
          assert b'"pending": 1' in get(M + "/.stats")
          """#)
      let begin = ContinuousClock.now
      try m.unmount()
      #expect(ContinuousClock.now - begin < .seconds(10))
      #expect(try Files.text(m.stored(".mammofs/digests.json")).contains("enormous.dcm"))
    }
  }

  @Test("What waited for its own when the server was stopped gets it from the next", arguments: ["unmount", "upgrade"])
  func waited(by: String) throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          for index in range(40):
              put(f"{month}/{index}.dcm", os.urandom(50000))
              settle(f"{month}/{index}.dcm")
          """#)
      if by == "unmount" { try m.remount() } else { try m.sh("\"$B\" upgrade \"$M\"") }
      try m.python(
        Self.prelude + #"""
          for index in range(40):
              path = f"{month}/{index}.dcm"
              assert poll(lambda: digest(path) == hash(get(path)), 60), path
          assert not os.path.exists(R + "/.mammofs/digests.json")
          """#)
    }
  }

  @Test("What copying tools, uploads and renames publish gets its own, too", .needs("rsync"))
  func everyWay() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          put(D + "/in.dcm", os.urandom(100000))
          subprocess.run(["rsync", "-a", D + "/in.dcm", month + "/rsync.dcm"], check=True)
          given(month + "/rsync.dcm")
          subprocess.run(["cp", "-a", D + "/in.dcm", month + "/cp.dcm"], check=True)
          given(month + "/cp.dcm")
          put(M + "/temp/processing/x", b"workspace")
          os.rename(M + "/temp/processing/x", month + "/renamed.dcm")
          given(month + "/renamed.dcm")
          session = M + "/temp/uploads/s"
          os.mkdir(session)
          put(session + "/chunk_0", b"a" * 70000)
          put(session + "/chunk_1", b"b")
          put(session + "/.complete", b"images/user-7/2026/12/chunked.dcm")
          given(M + "/images/user-7/2026/12/chunked.dcm")
          put(M + "/temp/processing/y", b"other")
          renameat2(M + "/temp/processing/y", month + "/renamed.dcm", EXCHANGE)
          given(month + "/renamed.dcm")
          """#)
    }
  }

  @Test("A file that is open for writing has none, and a changed one has that of its new bytes")
  func changed() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          path = month + "/a.dcm"
          put(path, b"first")
          given(path)
          fd = os.open(path, os.O_RDWR)
          assert digest(path) is None
          os.pwrite(fd, b"F", 0)
          os.close(fd)
          given(path)
          # As long, and with its old time: nothing but the open told.
          before = os.stat(path)
          fd = os.open(path, os.O_WRONLY)
          os.pwrite(fd, b"SECOND"[:5], 0)
          os.utime(fd, ns=(before.st_atime_ns, before.st_mtime_ns))
          os.close(fd)
          assert digest(path) in (None, hash(b"SECON"))
          given(path)
          os.truncate(path, 2)
          os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
          assert digest(path) in (None, hash(b"SE"))
          given(path)
          with open(path, "r+b") as file:
              libc.posix_fallocate(file.fileno(), 0, 100)
              assert digest(path) is None
          given(path)
          with open(path, "r+b") as file:
              with mmap.mmap(file.fileno(), 100) as map: map[50] = 1
          given(path)
          os.utime(path, (1, 1))
          given(path)
          fd = os.open(path, os.O_RDONLY | os.O_TRUNC)
          os.close(fd)
          given(path)
          """#)
      #expect(try m.sh("\"$B\" verify \"$M\"").contains("1 file verified"))
    }
  }

  @Test("It stays with the file when that is renamed or its rights change, and reading does not touch it")
  func kept() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          path = month + "/a.dcm"
          put(path, b"kept")
          given(path)
          stored = R + "/images/user-7/2026/11/"
          value = os.getxattr(stored + "a.dcm", KEY)
          os.chmod(path, 0o600)
          os.rename(path, month + "/b.dcm")
          assert get(month + "/b.dcm") == b"kept"
          assert os.getxattr(stored + "b.dcm", KEY) == value and digest(month + "/b.dcm") == hash(b"kept")
          os.rename(M + "/images/user-7", M + "/images/user-8")
          assert digest(M + "/images/user-8/2026/11/b.dcm") == hash(b"kept")
          """#)
      try m.remount()
      try m.python(
        Self.prelude + #"""
          assert digest(M + "/images/user-8/2026/11/b.dcm") == hash(b"kept")
          """#)
    }
  }

  @Test("Nobody else sets or removes it", arguments: ["set", "remove"])
  func reserved(operation: String) throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          path = month + "/a.dcm"
          put(path, b"mine")
          given(path)
          if os.environ["O"] == "set": refused(errno.EPERM, os.setxattr, path, KEY, b"0" * 64)
          else: refused(errno.EPERM, os.removexattr, path, KEY)
          assert digest(path) == hash(b"mine")
          """#, ["O": operation])
      let line = try m.refusals().last ?? ""
      #expect(line.contains("xattr images/user-7/2026/11/a.dcm EPERM user.mammofs.sha256 belongs to"), "\(line)")
    }
  }

  @Test("It is in no list, so that cp -a, rsync -X and tar copy all the rest without a complaint", .needs("rsync"))
  func copied() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          path = month + "/a.dcm"
          put(path, b"copied")
          os.setxattr(path, "user.patient", b"42")
          given(path)
          assert os.listxattr(path) == ["user.patient"], os.listxattr(path)
          for target in [D + "/out", month]:
              os.makedirs(target, exist_ok=True)
              for name, tool in [("cp", ["cp", "-a"]), ("all", ["cp", "--preserve=all"]), ("rsync", ["rsync", "-aX"])]:
                  copy = target + "/" + name
                  done = subprocess.run(tool + [path, copy], capture_output=True)
                  assert done.returncode == 0 and not done.stderr, done
                  assert os.getxattr(copy, "user.patient") == b"42"
                  if target == month: given(copy)
                  else: refused(errno.ENODATA, os.getxattr, copy, KEY)
          # A backup of the storage root has it; put back through the mount, it is left out.
          stored = R + "/images/user-7/2026/11/a.dcm"
          subprocess.run(["rsync", "-aX", stored, D + "/out/backup"], check=True)
          assert os.getxattr(D + "/out/backup", KEY) == os.getxattr(stored, KEY)
          back = ["rsync", "-aX", "--filter=-x user.mammofs.*", D + "/out/backup", month + "/back.dcm"]
          done = subprocess.run(back, capture_output=True)
          assert done.returncode == 0 and not done.stderr, done
          given(month + "/back.dcm")
          """#)
    }
  }

  @Test("Files that come, change and go while they are read cost nobody anything")
  func busy() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          names = [f"{month}/{n}.dcm" for n in range(8)]
          end = time.monotonic() + 4
          while time.monotonic() < end:
              path = random.choice(names)
              kind = random.randrange(5)
              try:
                  if kind == 0: put(path, os.urandom(random.randrange(3 << 20)))
                  elif kind == 1: os.unlink(path)
                  elif kind == 2: os.rename(path, random.choice(names))
                  elif kind == 3: os.truncate(path, random.randrange(100000))
                  else:
                      fd = os.open(path, os.O_RDWR)
                      os.pwrite(fd, os.urandom(10), 0)
                      os.close(fd)
              except FileNotFoundError: pass
              for path in names:
                  try: before, shown, content, after = os.stat(path), digest(path), get(path), os.stat(path)
                  except FileNotFoundError: continue
                  assert shown is None or shown == hash(content), path
          for path in names:
              if os.path.exists(path): given(path)
          """#)
      #expect(try m.refusals() == [])
      try m.expectStatsAsWalked()
    }
  }

  @Test("An unmount in the middle does not wait for it, and what was missed is made up for")
  func unmounted() throws {
    try withMount("--scrub-interval", "0.0005") { m in
      try m.python(
        Self.prelude + #"""
          for n in range(3): put(f"{month}/{n}.dcm", bytes(64 << 20))
          """#)
      try m.remount()
      try m.python(
        Self.prelude + #"""
          for n in range(3): given(f"{month}/{n}.dcm")
          """#)
    }
  }
}
