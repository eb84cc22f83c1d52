import Glibc
import Testing

/// A storage root on a disk that cannot be written: a snapshot, a restored medium, or one that failed.
@Suite("A read-only disk", .mounting, .needs("python3", "mkfs.ext4", "losetup", "setfattr"), .timeLimit(.minutes(15)))
struct ReadOnlyDiskTests {
  /// A disk with an image, a finished upload, and one that is under way; not mounted by mammofs.
  private func withDisk(_ prepare: String = "", _ body: (MountedRoot) throws -> Void) throws {
    try withoutMount { m in
      try m.sh("truncate -s 100M \"$D/disk\"; mkfs.ext4 -q \"$D/disk\"; mount -o loop \"$D/disk\" \"$R\"")
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try m.mount()
      try m.month()
      try m.sh(
        """
        echo image > "$M/images/user-7/2026/11/a.dcm"
        mkdir "$M/temp/uploads"/{done,open}
        echo chunk | tee "$M/temp/uploads"/{done,open}/chunk_0 > /dev/null
        echo images/user-7/2026/11/b.dcm > "$M/temp/uploads/done/.complete"
        "$B" unmount "$M"
        \(prepare)
        mount -o remount,ro "$R"
        """)
      let before = try m.sh("sync; sha256sum \"$D/disk\"")
      try body(m)
      #expect(try m.sh("sync; sha256sum \"$D/disk\"") == before, "something was written")
    }
  }

  @Test("can be mounted with -o ro, asked for figures, and verified with --check-only, and nothing is written")
  func used() throws {
    try withDisk { m in
      #expect(try m.sh("\"$B\" stats \"$R\" --json").contains("\"fileCount\": 4"))
      try m.sh("\"$B\" verify --check-only \"$R\"")
      #expect(try m.sh("\"$B\" cleanup --dry-run --older-than 0 \"$R\"").contains(" files would be deleted"))
      try m.sh("\(m.mountCommand) -o ro --existing")
      #expect(try Files.text(m["images/user-7/2026/11/a.dcm"]) == "image\n")
      #expect(try Files.text(m["images/user-7/2026/11/b.dcm"]) == "chunk\n")
      #expect(try Files.text(m["temp/uploads/open/chunk_0"]) == "chunk\n")
      #expect(try Files.text(m["temp/uploads/done/.complete"]).contains("b.dcm"))
      #expect(errnoOf { mkdir(m["images/user-1"], 0o777) } == ErrnoName(EROFS))
      #expect(try m.stats().images.count == 2)
      let second = try m.run("\"$B\" mount \"$D/other\" --root \"$R\" -o ro")
      #expect(second.status == 1 && second.errors.contains("in use"), "\(second)")
      try m.unmount()
      // And once more: nobody has it now.
      try m.sh("\(m.mountCommand) -o ro")
      try m.unmount()
    }
  }

  @Test(
    "is refused without -o ro, with a sentence",
    arguments: ["mount \"$M\" --root \"$R\"", "verify \"$R\"", "cleanup \"$R\""])
  func refused(command: String) throws {
    try withDisk { m in
      let outcome = try m.run("\"$B\" \(command)")
      let expected: Int32 = command.hasPrefix("verify") ? 2 : 1
      #expect(outcome.status == expected && outcome.errors.isOneLine, "\(outcome)")
      #expect(outcome.errors.contains("is read-only"), "\(outcome)")
      #expect(!m.isMounted)
    }
  }

  @Test("is served by the next server when one is killed")
  func takenOver() throws {
    try withDisk { m in
      try m.sh("\(m.mountCommand) -o ro")
      try m.python(
        #"""
        def servers():
            return [int(p) for p in os.listdir("/proc") if p.isdigit() and is_ours(p)]
        def is_ours(p):
            try: return (D + "/").encode() in open(f"/proc/{p}/cmdline", "rb").read() and os.readlink(f"/proc/{p}/exe").endswith("mammofs")
            except OSError: return False
        parents = {p: int(re.search(r"PPid:\s+(\d+)", open(f"/proc/{p}/status").read())[1]) for p in servers()}
        server = [p for p in parents if parents[p] in parents]
        assert len(server) == 1, parents
        os.kill(server[0], signal.SIGKILL)
        assert get(M + "/images/user-7/2026/11/a.dcm") == b"image\n"
        """#)
      try m.unmount()
    }
  }

  @Test("does not show an image that a power cut tore, and says which")
  func torn() throws {
    try withDisk(
      """
      truncate -s 8192 "$R/.mammofs/staging/41"
      setfattr -n user.mammofs.origin -v '8192 images/user-7/2026/11/torn.dcm' "$R/.mammofs/staging/41"
      ln "$R/.mammofs/staging/41" "$R/images/user-7/2026/11/torn.dcm"
      printf half > "$R/.mammofs/staging/42"
      setfattr -n user.mammofs.origin -v images/user-7/2026/11/half.dcm "$R/.mammofs/staging/42"
      sed -i 's/^boot .*/boot 0/' "$R/.mammofs/lock"
      """
    ) { m in
      try m.sh("\(m.mountCommand) -o ro")
      #expect(try Files.names(in: m["images/user-7/2026/11"]).sorted() == ["a.dcm", "b.dcm"])
      #expect(!Files.exists(m["images/user-7/2026/11/torn.dcm"]))
      #expect(Files.exists(m.stored("images/user-7/2026/11/torn.dcm")))
      let lines = try m.refusals()
      #expect(lines.contains { $0.contains("images/user-7/2026/11/torn.dcm EIO is not whole") }, "\(lines)")
      #expect(lines.contains { $0.contains("images/user-7/2026/11/half.dcm EIO was cut off") }, "\(lines)")
      try m.unmount()
    }
  }

  @Test("shows an image that was being replaced by one that is not whole")
  func displaced() throws {
    try withDisk(
      """
      mv "$R/images/user-7/2026/11/a.dcm" "$R/.mammofs/staging/displaced-41"
      setfattr -n user.mammofs.origin -v images/user-7/2026/11/a.dcm "$R/.mammofs/staging/displaced-41"
      printf half > "$R/.mammofs/staging/42"
      setfattr -n user.mammofs.origin -v images/user-7/2026/11/a.dcm "$R/.mammofs/staging/42"
      """
    ) { m in
      try m.sh("\(m.mountCommand) -o ro")
      #expect(try Files.names(in: m["images/user-7/2026/11"]).sorted() == ["a.dcm", "b.dcm"])
      #expect(try Files.text(m["images/user-7/2026/11/a.dcm"]) == "image\n")
      #expect(try m.stats().images.count == 2)
      try m.unmount()
    }
  }
}
