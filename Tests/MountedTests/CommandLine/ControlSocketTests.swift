import Testing

/// How the commands reach the server.
@Suite("The control socket", .mounting, .needs("python3"), .timeLimit(.minutes(5)))
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
}
