import Testing

/// What happens around a mount's two processes: streams, signals, and mounts of others at its place.
@Suite("The supervisor", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct SupervisorTests {
  private static let helpers = #"""
    B = os.environ["B"]
    def parent(process):
        return int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[1])
    def mounts():
        return [line.split()[2] for line in open("/proc/self/mounts") if line.split()[1] == M]

    """#

  @Test("holds no folder busy, nor does the server")
  func workingFolder() throws {
    try withMount { m in
      try m.python(
        Self.helpers + """
          for process in server(), parent(server()): assert os.readlink(f"/proc/{process}/cwd") == "/"
          """)
    }
  }

  @Test("lives on where whoever read what it says has ended")
  func closedPipe() throws {
    try withoutMount { m in
      try m.python(
        Self.helpers + #"""
          ours, theirs = os.pipe()
          process = subprocess.Popen([B, "mount", M, "--root", R, "--foreground"], stderr=theirs)
          os.close(theirs)
          assert poll(lambda: mounts() and os.path.exists(M + "/.stats"))
          os.close(ours)
          for number in range(2):
              crash()
              os.statvfs(M)
          assert process.poll() is None
          subprocess.run([B, "unmount", M], check=True, timeout=60)
          assert process.wait(30) == 0
          """#)
    }
  }

  @Test("and what starts it keep the streams' numbers free where they are closed", arguments: ["", "--foreground"])
  func closedStreams(how: String) throws {
    try withoutMount { m in
      try m.python(
        Self.helpers + #"""
          how = os.environ["HOW"].split()
          # What is said goes to standard error: into whatever has its number.
          script = '"$B" mount "$M" --root "$R" "$@" 0<&- 1>&- 2>&-'
          process = subprocess.Popen(["bash", "-c", script, "bash", *how])
          if not how: assert process.wait(60) == 0
          assert poll(lambda: mounts() and os.path.exists(M + "/.stats"))
          crash()
          os.statvfs(M)
          lines = get(R + "/.mammofs/lock").decode().split("\n")
          assert [line.split(" ")[0] for line in lines] == ["boot", "disk", "files", "process", "user", ""], lines
          for pid in server(), parent(server()):
              for number in range(3):
                  leads = os.readlink(f"/proc/{pid}/fd/{number}")
                  assert leads in ("/dev/null", R + "/.mammofs/log"), leads
          assert get(R + "/.mammofs/lock").decode().split("\n") == lines
          subprocess.run([B, "unmount", M], check=True, timeout=60)
          process.wait(30)
          """#, ["HOW": how])
    }
  }

  @Test("ends the mount when it is told to, also where the server has just died", arguments: ["TERM", "INT"])
  func signalAtTakeOver(name: String) throws {
    for _ in 0..<5 {
      try withMount { m in
        try m.python(
          Self.helpers + #"""
            process, supervisor = server(), parent(server())
            number = getattr(signal, "SIG" + os.environ["NAME"])
            os.kill(process, signal.SIGKILL)
            os.kill(supervisor, number)
            assert poll(lambda: not mounts() and not os.path.exists(f"/proc/{supervisor}"), 20), "it goes on"
            """#, ["NAME": name])
        #expect(poll(seconds: 10) { m.servers.isEmpty })
      }
    }
  }

  @Test("leaves alone what somebody else has mounted where its mount was", arguments: ["first", "next"])
  func othersMount(server: String) throws {
    try withMount { m in
      defer { _ = try? m.run("umount \"$M\"") }
      try m.python(
        Self.helpers + #"""
          if os.environ["SERVER"] == "next": crash()
          process, supervisor = server(), parent(server())
          os.statvfs(M)
          # The server learns of it only when the other mount is there.
          os.kill(process, signal.SIGSTOP)
          assert libc.umount2(os.fsencode(M), 0) == 0, os.strerror(ctypes.get_errno())
          assert libc.mount(b"other", os.fsencode(M), b"tmpfs", 0, None) == 0, os.strerror(ctypes.get_errno())
          os.kill(process, signal.SIGCONT)
          assert poll(lambda: not os.path.exists(f"/proc/{supervisor}"), 30)
          assert mounts() == ["tmpfs"], mounts()
          """#, ["SERVER": server])
    }
  }
}
