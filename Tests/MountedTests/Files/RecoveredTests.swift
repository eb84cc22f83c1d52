import Testing

/// What a server that died had open, after the next mount.
@Suite("What was cut off", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
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

  @Test("is told by the command that found it and, once, by the next mount, in .errors and in the log")
  func toldLater() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        fd = os.open(M + "/images/user-7/2026/11/a.dcm", os.O_CREAT | os.O_WRONLY)
        os.write(fd, b"half of it")
        kill_mount()
        os._exit(0)
        """#)
      m.killServers()
      try m.sh("umount -l \"$M\"")
      let line = "images/user-7/2026/11/a.dcm EIO"
      #expect(try m.run("\"$B\" stats \"$R\"").errors.contains(line))
      #expect(try m.run("\"$B\" stats \"$R\"").errors.isEmpty)
      try m.mount()
      #expect(try m.refusals().filter { $0.contains(line) }.count == 1)
      #expect(try Files.text("\(m.root)/.mammofs/log").contains(line) || Files.text(m.log).contains(line))
      try m.remount()
      #expect(try m.refusals().isEmpty)
    }
  }
}
