import Testing

/// How the commands reach the server.
@Suite("The control socket", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct ControlSocketTests {
  @Test("answers others after ten seconds of one who never comes to an end")
  func slowRequest() throws {
    try withMount { m in
      try m.python(
        #"""
        import threading
        slow = socket.socket(socket.AF_UNIX)
        slow.connect(R + "/.mammofs/control")
        over = threading.Event()
        def drip():
            try:
                while not over.wait(0.5): slow.send(b"x")
            except OSError: pass
        thread = threading.Thread(target=drip)
        thread.start()
        try: subprocess.run([os.environ["B"], "cleanup", M], check=True, capture_output=True, timeout=30)
        finally:
            over.set()
            thread.join()
        """#)
    }
  }

  @Test("is root's or the mounting user's, which the commands say to others", .mountingAsUser)
  func others() throws {
    try withoutMount { m in
      try m.shPrivately(
        #"""
        "$B" mount "$M" --root "$R"
        for command in cleanup upgrade; do
          refused user "$B" $command "$M" | grep -q 'only root, or the user who mounted'
        done
        "$B" unmount "$M"
        """#)
    }
  }

  @Test("A server says in its log that its supervisor has ended")
  func supervisorEnded() throws {
    try withMount("--session-linger", "0.05") { m in
      try m.python(
        #"""
        process = server()
        os.kill(int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[1]), signal.SIGKILL)
        assert poll(lambda: b"the supervisor has ended" in get(R + "/.mammofs/log"), 20)
        assert server() == process and os.path.exists(M + "/.stats")
        """#)
    }
  }
}
