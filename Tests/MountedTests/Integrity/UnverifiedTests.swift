import Testing

/// Files without a digest, and lists of checksums for where none can go along.
@Suite("Files without a digest", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct UnverifiedTests {
  private static let prelude = #"""
    import json
    def integrity(): return json.loads(get(M + "/.stats"))["integrity"]
    def has_digest(path):
        try: return len(os.getxattr(path, "user.mammofs.sha256")) == 64
        except OSError as error:
            assert error.errno == errno.ENODATA, error
            return False
    def verify(*arguments):
        return subprocess.run([os.environ["B"], "verify", *arguments], capture_output=True, text=True, timeout=120)
    def report(*arguments, status=0):
        done = verify(*arguments, "--json")
        assert done.returncode == status, done
        return json.loads(done.stdout)
    MONTH = M + "/images/user-7/2026/11"
    os.makedirs(MONTH, exist_ok=True)

    """#

  @Test("After a kill each is counted, and given one by the next server, however it came there")
  func killed() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          for n in range(300): put(f"{MONTH}/{n}.dcm", b"%d" % n)
          assert integrity()["unverified"] > 0
          kill_mount()
          """#)
      m.killServers()
      try m.sh(
        "mkdir -p \"$R/thumbnails/user-7/2026/11\"; echo x > \"$R/thumbnails/user-7/2026/11/brought_thumb.jpg\"; "
          + "echo x > \"$R/images/user-7/2026/11/brought.dcm\"")
      try m.mount()
      try m.python(
        Self.prelude.replacing("os.makedirs(MONTH, exist_ok=True)\n", with: "") + #"""
          first = integrity()
          assert first["unverified"] > 0 or first.get("surveying"), first
          assert poll(lambda: integrity()["unverified"] == 0 and "surveying" not in integrity(), 60), integrity()
          for n in [*range(300), "brought"]: assert has_digest(f"{MONTH}/{n}.dcm"), n
          assert has_digest(M + "/thumbnails/user-7/2026/11/brought_thumb.jpg")
          assert integrity()["pending"] == 0
          """#)
    }
  }

  @Test(
    "Where a file's other attributes leave no room, image and chunk are as good as others; stats, .errors and verify say so",
    .needs("mkfs.ext4", "losetup"))
  func noRoom() throws {
    try withoutMount { m in
      try m.sh("truncate -s 60M \"$D/disk\"; mkfs.ext4 -q -m 0 \"$D/disk\"; mount -o loop \"$D/disk\" \"$R\"")
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try m.mount()
      try m.python(
        Self.prelude + #"""
          def fill(file):
              count = 0
              for size in [500, 100, 20, 1]:
                  try:
                      while True: os.setxattr(file, f"user.{count}", b"x" * size); count += 1
                  except OSError as error: assert error.errno == errno.ENOSPC, error
          for name in ["full.dcm", "other.dcm"]:
              file = os.open(f"{MONTH}/{name}", os.O_CREAT | os.O_WRONLY)
              os.write(file, name.encode())
              fill(file)
              os.close(file)
          put(MONTH + "/good.dcm", b"good")
          def lines(): return [line for line in get(M + "/.errors").decode().split("\n") if " digest " in line]
          assert poll(lambda: has_digest(MONTH + "/good.dcm") and integrity()["unverified"] == 2, 30), integrity()
          assert poll(lambda: integrity()["pending"] == 0 and lines(), 30)
          assert len(lines()) == 1 and "leave no room" in lines()[0], lines()
          found = report(M)
          assert (found["verified"]["count"], found["noRoom"], found["notYet"]) == (1, 2, 0), found
          assert "2 cannot have one" in verify(M).stdout
          assert len(lines()) == 1 and integrity()["unverified"] == 2, lines()
          os.unlink(MONTH + "/other.dcm")
          assert integrity()["unverified"] == 1

          session = M + "/temp/uploads/s"
          os.mkdir(session)
          for n in range(3):
              file = os.open(f"{session}/chunk_{n}", os.O_CREAT | os.O_WRONLY)
              os.write(file, bytes([65 + n]) * 5000)
              fill(file)
              os.close(file)
          put(session + "/.complete", b"images/user-7/2026/11/sent.dcm")
          assert get(MONTH + "/sent.dcm") == b"A" * 5000 + b"B" * 5000 + b"C" * 5000
          assert poll(lambda: has_digest(MONTH + "/sent.dcm") or integrity()["unverified"] == 2, 30)
          """#)
      try m.unmount()
      try m.python(
        #"""
        done = subprocess.run([os.environ["B"], "verify", R], capture_output=True, text=True)
        assert done.returncode == 0 and "cannot have one" in done.stdout and "cannot be read" not in done.stdout, done
        """#)
    }
  }

  @Test("lastScrub comes forward when verify has read all of a store, mounted or not, and not for a part of it")
  func lastScrub() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          for n in range(3): put(f"{MONTH}/{n}.dcm", b"%d" % n)
          assert poll(lambda: integrity()["unverified"] == 0, 30), integrity()
          report(MONTH)
          assert integrity()["lastScrub"] is None
          report(M)
          assert integrity()["lastScrub"] is not None and integrity()["verified"] == 3, integrity()
          """#)
      try m.unmount()
      try m.sh("rm -f \"$R\"/.mammofs/findings.json; \"$B\" verify \"$R\"")
      try m.mount()
      try m.python(Self.prelude + #"assert integrity()["lastScrub"] is not None and integrity()["verified"] == 3"#)
    }
  }

  @Test(
    "What verify exports sha256sum takes, in the mount and in the storage root, and verify finds what came back different",
    .needs("sha256sum"))
  func exported() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          names = ["a.dcm", "b.dcm", "back\\slash.dcm", "c.dcm", "é z.dcm"]
          for name in names: put(f"{MONTH}/{name}", name.encode())
          os.makedirs(M + "/images/user-7-x/2026/11"); put(M + "/images/user-7-x/2026/11/a.dcm", b"x")
          os.makedirs(M + "/thumbnails/user-7/2026/11"); put(M + "/thumbnails/user-7/2026/11/a_thumb.jpg", b"t")
          sums = D + "/SHA256SUMS"
          report(M, "--export", sums)
          listed = get(sums).decode().splitlines()
          assert len(listed) == 7 and sum(line.startswith("\\") for line in listed) == 1, listed
          for place in [M, R]: subprocess.run(["sha256sum", "-c", "--strict", "--quiet", sums], cwd=place, check=True)
          against = report(M, "--against", sums)["against"]
          assert against == {"missing": [], "differing": [], "extra": 0, "alike": 7, "otherLines": 0}, against

          put(MONTH + "/a.dcm", b"other"); os.unlink(MONTH + "/back\\slash.dcm"); put(MONTH + "/new.dcm", b"new")
          found = report(M, "--against", sums, status=1)
          assert [entry["path"] for entry in found["against"]["differing"]] == ["images/user-7/2026/11/a.dcm"], found
          assert found["against"]["missing"] == ["images/user-7/2026/11/back\\slash.dcm"], found
          assert found["against"]["extra"] == 1 and not found["damaged"], found
          part = report(M + "/thumbnails", "--against", sums)["against"]
          assert part["missing"] == [] and part["extra"] == 0, part

          # As sha256sum writes it, of more than images.
          made = subprocess.run("find . -type f ! -path './.*' -exec sha256sum -b {} +", shell=True, cwd=M, capture_output=True)
          put(D + "/made", made.stdout + b"# a comment\n\n" + b"0" * 64 + b"  temp/processing/x\n")
          against = report(M, "--against", D + "/made")["against"]
          assert not against["missing"] and not against["differing"] and against["otherLines"] >= 1, against

          put(D + "/bad", get(sums) + b"what is this\n")
          done = verify(M, "--against", D + "/bad")
          assert done.returncode == 2 and "line 8" in done.stderr and done.stderr.count("\n") == 1, done
          done = verify(M, "--export", D + "/none/there")
          assert done.returncode == 2 and done.stderr.count("\n") == 1, done
          assert sorted(name for name in os.listdir(D) if "SUMS" in name) == ["SHA256SUMS"]
          """#)
    }
  }

  @Test("A restored file that was damaged on the way is found by the list, and gets no digest from verify")
  func restored() throws {
    try withMount { m in
      try m.python(
        Self.prelude + #"""
          for n in range(3): put(f"{MONTH}/{n}.dcm", b"%d" % n)
          report(M, "--export", D + "/sums")
          """#)
      try m.unmount()
      try m.python(
        #"""
        path = R + "/images/user-7/2026/11/1.dcm"
        for n in range(3):
            try: os.removexattr(R + f"/images/user-7/2026/11/{n}.dcm", "user.mammofs.sha256")
            except OSError: pass
        put(path, b"X")
        done = subprocess.run([os.environ["B"], "verify", R, "--against", D + "/sums"], capture_output=True, text=True)
        assert done.returncode == 1 and "1.dcm differs" in done.stdout and "1 file not as" in done.stderr, done
        refused(errno.ENODATA, os.getxattr, path, "user.mammofs.sha256")
        assert len(os.getxattr(R + "/images/user-7/2026/11/0.dcm", "user.mammofs.sha256")) == 48
        """#)
    }
  }
}
