import Glibc
import Testing

/// What is left when a server was killed.
@Suite("A dead mount", .mounting, .timeLimit(.minutes(15)))
struct DeadMountTests {
  @Test(
    "One of its own is cleared, not stacked upon, however its place is spelled",
    arguments: ["$M", "folder/../mnt", "./link", "$M/.", "$M/images/..", "in/mnt"])
  func mounted(place: String) throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("x", to: m["\(month)/a.dcm"])
      m.killServers()
      try m.sh("mkdir folder; ln -s mnt link; ln -s . in; \"$B\" mount \"\(place)\" --root \"$R\" 2>> server.log")
      #expect(try Files.text(m["\(month)/a.dcm"]) == "x")
      #expect(m.mountCount == 1)
    }
  }

  @Test("It can be unmounted, however its place is spelled", arguments: ["$M", "folder/../mnt", "link"])
  func unmounted(place: String) throws {
    try withMount { m in
      m.killServers()
      let outcome = try m.run("mkdir folder; ln -s mnt link; \"$B\" unmount \"\(place)\"")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(!m.isMounted)
    }
  }

  @Test("Every command says in one line that the server has died, and what to do")
  func commands() throws {
    try withMount { m in
      try Files.write("in", to: m.beside("in.dcm"))
      m.killServers()
      for command in [
        "stats \"$M\"", "stats \"$R\"", "stats mnt/../mnt --json", "cleanup \"$M\"", "cleanup \"$R\" --dry-run",
        "has-space \"$M\" 1", "has-space \"$M/images\" 1", "upload in.dcm \"$M\" --to images/user-7/2026/11/a.dcm",
        "mount \"$M/images\" --root other",
      ] {
        let outcome = try m.run("\"$B\" \(command)")
        #expect(outcome.status == (command.hasPrefix("has-space") ? 2 : 1), "\(command): \(outcome)")
        #expect(outcome.errors.isOneLine, "\(command): \(outcome)")
        for word in ["died", "mammofs mount \(m.mountPoint)", "mammofs unmount \(m.mountPoint)"] {
          #expect(outcome.errors.contains(word), "\(command): \(outcome)")
        }
      }
      #expect(!Files.exists(m.beside("other")))
      // It asks about the disk only, which answers.
      #expect(try m.run("\"$B\" has-space \"$R\" 1").status == 0)
    }
  }

  @Test("A refused mount leaves a dead one as it was")
  func kept() throws {
    try withMount { m in
      m.killServers()
      let outcome = try m.run("\"$B\" mount \"$M\" --root \"$R\" -o nonsense")
      #expect(outcome.status == 1 && m.isMounted, "\(outcome)")
    }
  }

  @Test("Another file system's is not touched", .needs("python3"))
  func others() throws {
    try withoutMount { m in
      try m.python(
        #"""
        fuse = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
        assert libc.mount(b"other", os.fsencode(M), b"fuse.other", 0, options) == 0, ctypes.get_errno()
        """#)
      let outcome = try m.run("\"$B\" mount mnt/../mnt --root \"$R\"")
      #expect(outcome.status == 1 && outcome.errors.isOneLine && outcome.errors.contains("not mammofs's"), "\(outcome)")
      #expect(m.isMounted)
      let unmount = try m.run("\"$B\" unmount \"$M\"")
      #expect(unmount.status == 1 && unmount.errors.isOneLine, "\(unmount)")
      try m.sh("umount -l \"$M\"")
    }
  }
}
