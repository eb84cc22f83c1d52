import Glibc
import Testing

/// `-o ro`.
@Suite("A read-only mount", .mounting, .timeLimit(.minutes(15)))
struct ReadOnlyTests {
  /// All of the documented tree, with times.
  private func listing(_ m: MountedRoot) throws -> String {
    try m.sh("cd \"$R\" && find images thumbnails temp -printf '%p %y %m %u %s %T@ %C@\\n' | LC_ALL=C sort")
  }

  private func fill(_ m: MountedRoot) throws {
    try m.mount()
    try m.month()
    try m.sh(
      #"""
      mkdir "$M/temp/uploads"/{old,done} "$M/temp/processing/folder"
      echo x | tee "$M/temp/processing/old" "$M/temp/processing/folder/old" "$M/images/user-7/2026/11/.work" \
        "$M/temp/uploads"/{old,done}/chunk_0 > /dev/null
      echo images/user-7/2026/11/a.dcm > "$M/temp/uploads/done/.complete"
      find "$M/temp" "$M/images/user-7/2026/11/.work" -mindepth 2 -exec touch -d '2 days ago' {} +
      """#)
    try m.unmount()
  }

  @Test("Cleaning up and finished sessions wait: nothing in the documented tree changes")
  func unchanged() throws {
    try withoutMount { m in
      try fill(m)
      let before = try listing(m)
      #expect(before.contains("uploads/done/.complete") && before.contains("processing/folder/old"))
      try m.sh("\(m.mountCommand) -o ro --session-linger 0.01 --temp-max-age 0.0001")
      #expect(errnoOf { mkdir(m["images/user-1"], 0o777) } == ErrnoName(EROFS))
      #expect(errnoOf { unlink(m["images/user-7/2026/11/a.dcm"]) } == ErrnoName(EROFS))
      #expect(try Files.text(m["images/user-7/2026/11/a.dcm"]) == "x\n")
      #expect(try m.stats().images.count == 1)
      for path in ["$M", "$R"] {
        let refused = try m.run("\"$B\" cleanup \"\(path)\"")
        #expect(refused.status == 1 && refused.errors.isOneLine && refused.errors.contains("read-only"), "\(refused)")
        #expect(try m.sh("\"$B\" cleanup \"\(path)\" --dry-run").hasPrefix("4 files would be deleted"))
      }
      // What cleans up at mount is waited for here.
      try m.unmount()
      #expect(try listing(m) == before)
      try m.mount()
      try m.unmount()
      #expect(!Files.exists(m.stored("temp/processing/old")), "a writable mount cleans up")
    }
  }

  @Test("One that was made read-only since stays as it is, until it is writable again", .needs("mount", "python3"))
  func remounted() throws {
    try withMount("--session-linger", "0.02") { m in
      try m.month()
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        put(session + "/chunk_0", b"image")
        put(M + "/temp/processing/old", b"old")
        os.utime(M + "/temp/processing/old", (1, 1))
        def remount(how): subprocess.run(["mount", "-i", "-o", "remount," + how, M], check=True)
        put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
        remount("ro")
        done = time.monotonic()
        cleanup = subprocess.run([os.environ["B"], "cleanup", M], capture_output=True, text=True)
        assert cleanup.returncode == 1 and "read-only" in cleanup.stderr, cleanup
        # Long enough for some rounds of what takes finished sessions away.
        assert poll(lambda: time.monotonic() > done + 5)
        assert os.path.exists(session + "/.complete") and os.path.exists(M + "/temp/processing/old")
        remount("rw")
        assert poll(lambda: not os.path.exists(session), 10)
        subprocess.run([os.environ["B"], "cleanup", M], check=True, stdout=subprocess.DEVNULL)
        assert not os.path.exists(M + "/temp/processing/old")
        """#)
    }
  }

  @Test("Of ro and rw the later one counts")
  func later() throws {
    try withoutMount("-o", "ro,rw") { m in
      try fill(m)
      try m.mount()
      try Files.makeFolder(m["images/user-1"])
      try m.unmount()
      #expect(!Files.exists(m.stored("temp/processing/old")))
    }
  }
}
