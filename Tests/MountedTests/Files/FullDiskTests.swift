import Testing

/// A storage root on a file system of its own, small enough to be filled.
@Suite("On a full disk", .mounting, .needs("python3", "mkfs.ext4", "losetup"), .timeLimit(.minutes(15)))
struct FullDiskTests {
  private func withSmallDisk(megabytes: Int, _ body: (MountedRoot) throws -> Void) throws {
    try withoutMount { m in
      try m.sh(
        """
        truncate -s \(megabytes)M "$D/disk"
        mkfs.ext4 -q -m 0 "$D/disk"
        mount -o loop "$D/disk" "$R"
        """)
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try m.mount()
      try body(m)
    }
  }

  @Test("A file that misses a byte is ENOSPC to its writer and gets no name; there is room again when it is gone")
  func image() throws {
    try withSmallDisk(megabytes: 40) { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        def fill(name):
            with open(f"{month}/{name}", "wb", buffering=0) as file:
                while True: file.write(bytes(1 << 20))
        put(month + "/small.dcm", b"small")
        refused(errno.ENOSPC, fill, "large.dcm")
        assert poll(lambda: not os.path.exists(R + "/images/user-7/2026/11/large.dcm"))
        assert poll(lambda: os.listdir(month) == ["small.dcm"]), os.listdir(month)
        assert "ENOSPC" in get(M + "/.errors").decode()
        recovered = M + "/temp/processing/recovered"
        for name in os.listdir(recovered): os.unlink(f"{recovered}/{name}")
        put(month + "/again.dcm", bytes(10 << 20))
        assert get(month + "/small.dcm") == b"small" and len(get(month + "/again.dcm")) == 10 << 20
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A chunk that cannot be written is a line that says why, and one that says what became of it")
  func lines() throws {
    try withSmallDisk(megabytes: 40) { m in
      try m.python(
        #"""
        os.mkdir(M + "/temp/uploads/s")
        chunk = os.open(M + "/temp/uploads/s/chunk_0", os.O_CREAT | os.O_WRONLY)
        def fill():
            while True: os.write(chunk, bytes(1 << 20))
        refused(errno.ENOSPC, fill)
        for _ in range(20): refused(errno.ENOSPC, os.write, chunk, bytes(1 << 20))
        refused(errno.ENOSPC, os.fsync, chunk)
        refused(errno.ENOSPC, os.close, chunk)
        def lines(): return get(M + "/.errors").decode().splitlines()
        assert poll(lambda: len(lines()) >= 2), lines()
        assert len(lines()) == 2, lines()
        assert " write temp/uploads/s/chunk_0 ENOSPC " in lines()[0] and "free" in lines()[0], lines()
        assert lines()[1].endswith(" close temp/uploads/s/chunk_0 ENOSPC could not be written and was removed; send it again")
        """#)
    }
  }

  @Test("A file that has no room for its digest is as good as before, and .errors says it once")
  func digest() throws {
    try withSmallDisk(megabytes: 20) { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        def lines(): return [line for line in get(M + "/.errors").decode().split("\n") if " digest " in line]
        for name in ["a.dcm", "b.dcm"]:
            path = f"{month}/{name}"
            put(path, name.encode())
            fd = os.open(path, os.O_RDONLY); os.fsync(fd); os.close(fd)
            # What ext4 keeps of attributes is an inode's rest and one block.
            count = 0
            for size in [500, 100, 20, 1]:
                try:
                    while True:
                        os.setxattr(path, f"user.{count}", b"x" * size)
                        count += 1
                except OSError as error: assert error.errno == errno.ENOSPC, error
        assert poll(lambda: '"pending": 0' in get(M + "/.stats").decode() and lines(), 30), lines()
        assert len(lines()) == 1 and "images/user-7/2026/11/a.dcm ENOSPC the file is whole" in lines()[0], lines()
        for name in ["a.dcm", "b.dcm"]:
            assert get(f"{month}/{name}") == name.encode()
            refused(errno.ENODATA, os.getxattr, f"{month}/{name}", "user.mammofs.sha256")
        """#)
    }
  }

  @Test("An upload that fills the disk is refused chunk by chunk, keeps what it has, and ends well with more room")
  func upload() throws {
    try withSmallDisk(megabytes: 40) { m in
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        chunk = os.urandom(4 << 20)
        put(M + "/temp/processing/ballast", bytes(8 << 20))
        saved = 0
        try:
            while True:
                put(f"{session}/chunk_{saved}", chunk)
                saved += 1
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        assert saved >= 4
        assert poll(lambda: len(os.listdir(session)) == saved)
        for i in range(saved): assert get(f"{session}/chunk_{i}") == chunk, i
        os.unlink(M + "/temp/processing/ballast")
        put(f"{session}/chunk_{saved}", chunk)
        # No room for a second copy, and none is needed.
        put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
        assert get(M + "/images/user-7/2026/11/a.dcm") == chunk * (saved + 1)
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Files can be deleted, and a cleanup runs, with no byte free")
  func deleting() throws {
    try withSmallDisk(megabytes: 24) { m in
      let month = try m.month()
      try m.sh(
        """
        head -c 1000000 /dev/zero > "$M/\(month)/a.dcm"
        dd if=/dev/zero of="$M/temp/processing/fill" bs=64K status=none || true
        cat /dev/zero > "$M/temp/processing/rest" || true
        rm "$M/\(month)/a.dcm"
        touch -d '2 days ago' "$M/temp/processing/fill" "$M/temp/processing/rest"
        "$B" cleanup "$M"
        test ! -e "$M/temp/processing/fill"
        echo x > "$M/\(month)/b.dcm"
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test("What is left of a file that missed a byte can be removed at once, and the figures are right")
  func removedAtOnce() throws {
    try withSmallDisk(megabytes: 40) { m in
      try m.month()
      try m.python(
        #"""
        path, recovered = M + "/images/user-7/2026/11/a.dcm", M + "/temp/processing/recovered"
        def fill():
            with open(path, "wb", buffering=0) as file:
                while True: file.write(bytes(1 << 20))
        for _ in range(6):
            refused(errno.ENOSPC, fill)
            # As it appears, so that its way there and its end meet.
            subprocess.run(
                ["sh", "-c", 'while test -e "$1" || test -e "$2"; do rm -rf "$2"; done', "-", path, recovered], check=True)
        """#)
      try m.expectStatsAsWalked()
    }
  }
}
