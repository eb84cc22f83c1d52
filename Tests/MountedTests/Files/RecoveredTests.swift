import Testing

/// What a server that died had open, after the next mount.
@Suite("What was cut off", .mounting, .needs("python3"), .timeLimit(.minutes(9)))
struct RecoveredTests {
  @Test("is in the workspace, and stays there as long as what was put there today, however old it was said to be")
  func kept() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        path = M + "/images/user-7/2026/11/a.dcm"
        fd = os.open(path, os.O_CREAT | os.O_WRONLY)
        os.write(fd, b"half of it")
        os.utime(path, (1_483_326_245, 1_483_326_245))
        process = kill_mount()
        assert poll(lambda: not os.path.exists(f"/proc/{process}") or open(f"/proc/{process}/stat").read().split()[2] == "Z")
        os._exit(0)
        """#)
      m.killServers()
      try m.mount()
      try m.sh("\"$B\" cleanup \"$M\"")
      let names = try Files.names(in: m["temp/processing/recovered"])
      #expect(names.count == 1)
      for name in names { #expect(try Files.text(m["temp/processing/recovered/\(name)"]) == "half of it") }
      #expect(try m.refusals().contains { $0.contains("images/user-7/2026/11/a.dcm EIO") })
      #expect(!Files.exists(m.stored("images/user-7/2026/11/a.dcm")))
      try m.expectStatsAsWalked()
    }
  }
}
