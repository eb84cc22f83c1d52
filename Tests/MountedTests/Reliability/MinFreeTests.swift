import Testing

/// What is kept free of a disk, and what can be done when nothing is left.
@Suite(
  "The reserve of a disk", .mounting, .needs("python3", "mkfs.ext4", "mkfs.xfs", "losetup"), .timeLimit(.minutes(15)))
struct MinFreeTests {
  /// A disk of 320 MiB, which is the least that XFS takes.
  private func withDisk(_ fileSystem: String, _ arguments: String..., body: (MountedRoot) throws -> Void) throws {
    let mounted = try MountedRoot(arguments)
    defer { mounted.tearDown(sourceLocation: #_sourceLocation) }
    let make = fileSystem == "ext4" ? "mkfs.ext4 -q -m 0" : "mkfs.xfs -q"
    try mounted.sh(
      """
      truncate -s 320M "$D/disk"
      \(make) "$D/disk"
      mount -o loop "$D/disk" "$R"
      """)
    defer {
      if mounted.isMounted { try? mounted.unmount() }
      mounted.releaseDisk()
    }
    try mounted.mount()
    try body(mounted)
  }

  private static let fill = #"""
    def fill(path, size=1 << 20):
        with open(path, "wb", buffering=0) as file:
            while True: file.write(bytes(size))
    def free(path):
        figures = os.statvfs(path)
        return figures.f_bavail * figures.f_frsize

    """#

  @Test(
    "Writes and new names are refused at the reserve, with a sentence; what gives room and what completes is not",
    arguments: ["ext4", "xfs"])
  func reserve(fileSystem: String) throws {
    try withDisk(fileSystem, "--min-free", "64M") { m in
      try m.month()
      try m.python(
        Self.fill + #"""
          assert abs(free(R) - free(M) - (64 << 20)) < 1 << 20, (free(R), free(M))
          session, other, month = M + "/temp/uploads/s", M + "/temp/uploads/t", M + "/images/user-7/2026/11"
          os.mkdir(session)
          os.mkdir(other)
          for i in range(3): put(f"{session}/chunk_{i}", bytes([i]) * 300_001)
          put(other + "/chunk_0", b"other")
          put(month + "/a.dcm", b"image")
          refused(errno.ENOSPC, fill, M + "/temp/processing/fill")
          # XFS gives back now and then what it had set aside for files.
          for number in range(9):
              if number == 0 or free(M) >= 1 << 20:
                  refused(errno.ENOSPC, fill, f"{M}/temp/processing/rest{number}", 4096)
          assert free(M) < 1 << 20, free(M)
          assert free(R) > 60 << 20, free(R)
          refused(errno.ENOSPC, put, month + "/b.dcm", b"x" * (1 << 20))
          assert "--min-free" in get(M + "/.errors").decode()
          assert poll(lambda: os.listdir(month) == ["a.dcm"])
          # All chunks are there: it completes. The marker is small, and what it needs is kept.
          put(session + "/.complete", b"images/user-8/2026/11/c.dcm")
          assert os.stat(M + "/images/user-8/2026/11/c.dcm").st_size == 900_003
          os.unlink(other + "/chunk_0")
          os.rmdir(other)
          os.unlink(month + "/a.dcm")
          os.utime(M + "/temp/processing/fill", (1, 1))
          subprocess.run([os.environ["B"], "cleanup", M], check=True)
          assert not os.path.exists(M + "/temp/processing/fill")
          put(month + "/b.dcm", b"x" * (1 << 20))
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "What the disk keeps for root is for nobody's files, whoever writes them",
    arguments: ["images/user-7/2026/11", "temp/uploads/s"])
  func keptForRoot(place: String) throws {
    try withoutMount("--min-free", "0") { m in
      try m.sh(
        """
        truncate -s 400M "$D/disk"
        mkfs.ext4 -q -m 10 "$D/disk"
        mount -o loop "$D/disk" "$R"
        """)
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try m.mount()
      try m.python(
        Self.fill + #"""
          place = M + "/" + os.environ["P"]
          os.makedirs(place)
          figures = os.statvfs(R)
          kept = figures.f_bfree - figures.f_bavail
          assert kept * figures.f_frsize > 30 << 20, kept
          # There is room enough yet for the kernel to write images by itself; chunks the server writes.
          files = [os.open(f"{place}/chunk_{number}", os.O_CREAT | os.O_WRONLY) for number in range(2)]
          for file in files:
              def until_full():
                  while True: os.write(file, bytes(1 << 20))
              refused(errno.ENOSPC, until_full)
              figures = os.statvfs(R)
              # Names and the like are the server's own.
              assert figures.f_bfree >= kept - 64, (figures.f_bfree, kept)
          for file in files:
              # Neither is whole.
              try: os.close(file)
              except OSError as error: assert error.errno == errno.ENOSPC, error
          # They are put away after the close, and then counted where they are.
          assert poll(lambda: not os.listdir(place), 20), os.listdir(place)
          """#, ["P": place], seconds: 120)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "With nothing kept and no byte free, files, chunks and sessions can be deleted and a cleanup runs",
    arguments: ["ext4", "xfs"])
  func nothing(fileSystem: String) throws {
    try withDisk(fileSystem, "--min-free", "0") { m in
      try m.month()
      try m.python(
        Self.fill + #"""
          session, month = M + "/temp/uploads/s", M + "/images/user-7/2026/11"
          os.mkdir(session)
          for i in range(3): put(f"{session}/chunk_{i}", bytes([i]) * 300_001)
          put(month + "/a.dcm", bytes(300_000))
          assert free(M) == free(R)
          for number, size in enumerate([1 << 20, 4096, 512]):
              try: fill(f"{M}/temp/processing/fill{number}", size)
              except OSError as error: assert error.errno == errno.ENOSPC, error
          # Others write to the disk, too.
          try: fill(R + "/../root/stranger", 512)
          except OSError as error: assert error.errno == errno.ENOSPC, error
          assert free(R) < 64 << 10, free(R)
          os.unlink(session + "/chunk_1")
          shutil.rmtree(session)
          os.unlink(month + "/a.dcm")
          for name in os.listdir(M + "/temp/processing"):
              if name != "recovered": os.utime(f"{M}/temp/processing/{name}", (1, 1))
          subprocess.run([os.environ["B"], "cleanup", M], check=True)
          put(month + "/b.dcm", bytes(300_000))
          if os.path.exists(R + "/stranger"): os.unlink(R + "/stranger")
          """#)
      try m.expectStatsAsWalked()
    }
  }
}
