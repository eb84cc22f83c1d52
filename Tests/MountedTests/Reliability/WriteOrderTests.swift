import Testing

/// In which order the server's calls reach the disk, and that the client hears of it last.
@Suite("The order of writing", .mounting, .needs("python3", "strace"), .timeLimit(.minutes(15)))
struct WriteOrderTests {
  /// Traces the server while `act` runs; `calls` are then what each of its threads did, `reply` for an answer.
  private func traced(_ act: String, _ check: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        import re
        server = [line.split()[1] for line in open(R + "/.mammofs/lock") if line.startswith("process")][0]
        trace = subprocess.Popen(
            ["strace", "-f", "-y", "-s", "400", "-o", D + "/trace", "-p", server, "-e",
             "trace=fsync,fdatasync,linkat,renameat2,unlinkat,writev"], stderr=subprocess.PIPE)
        assert trace.stderr.readline()
        session = M + "/temp/uploads/s"
        month = M + "/images/user-7/2026/11"
        os.mkdir(session)
        """# + "\n" + act + "\n" + #"""
          trace.terminate()
          trace.wait()
          threads = {}
          for line in open(D + "/trace", errors="replace"):
              found = re.match(r"(\d+) +(\w+)\((.*)", line)
              if not found: continue
              thread, call, rest = found.groups()
              answers = call == "writev" and "/dev/fuse" in rest
              if call != "writev" or answers:
                  threads.setdefault(thread, []).append("reply" if answers else f"{call} {rest}")

          def ordered(*patterns):
              """Whether one thread did all of these, in this order, and answered nobody in between."""
              for calls in threads.values():
                  for start, call in enumerate(calls):
                      if not re.search(patterns[0], call): continue
                      rest = iter(calls[start:calls.index("reply", start) + 1] if "reply" in calls[start:] else calls[start:])
                      if all(any(re.search(pattern, call) for call in rest) for pattern in patterns): return True
              return False
          """# + "\n" + check + "\n" + #"""
            """#, seconds: 90)
    }
  }

  @Test("An image that is synchronised: its bytes, its name, its folder, and then the answer")
  func synchronised() throws {
    try traced(
      #"""
      with open(month + "/a.dcm", "wb", buffering=0) as file:
          file.write(bytes(10000))
          os.fsync(file.fileno())
      """#,
      #"""
      staged, final = r"^fdatasync .*staging/", r"^renameat2 .*staging.*\"a\.dcm\""
      assert ordered(staged, final, r"^fsync .*2026/11>", "^reply"), threads
      """#)
  }

  @Test("An image that is closed: its name, the answer, and its record only goes when its bytes are on disk")
  func closed() throws {
    try traced(
      #"""
      put(month + "/a.dcm", bytes(10000))
      assert poll(lambda: not os.listdir(R + "/.mammofs/staging"), 15)
      """#,
      #"""
      assert ordered(r"^linkat .*staging.*\"a\.dcm\"", "^reply"), threads
      assert ordered(r"^fdatasync .*staging/", r"^unlinkat .*staging"), threads
      """#)
  }

  @Test("An upload: its bytes and what it is about to do, its name, its folder, the answer; the chunks go last")
  func upload() throws {
    try traced(
      #"""
      put(session + "/chunk_0", bytes(10000))
      put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
      assert os.listdir(session) == [".complete"]
      """#,
      #"""
      intent = (r"^fsync .*staging/", r"^renameat2 .*\"completing\"", r"^fsync .*uploads/s>")
      image = (r"^fdatasync .*\.mammofs/uploads/s>", r"^renameat2 .*\"a\.dcm\"", r"^fsync .*2026/11>")
      done = r"renameat2.*\"completing\".*\"\.complete\""
      assert ordered(*intent, *image, done, "^reply"), threads
      calls = open(D + "/trace", errors="replace").read()
      assert re.search(done, calls).start() < re.search(r"unlinkat.*\"chunk_0\"", calls).start(), calls
      """#)
  }

  @Test("Of a user's folder that a refused upload has made everybody is told")
  func madeFolders() throws {
    try withMount { m in
      try m.python(
        #"""
        session, image = M + "/temp/uploads/s", M + "/images/user-9/2026/11/a.dcm"
        os.mkdir(session)
        put(session + "/chunk_0", bytes(10000))
        assert not os.path.exists(M + "/images/user-9")
        def mark(): put(session + "/.complete", b"images/user-9/2026/11/a.dcm")
        tracer = traced(
            server(), "-o", D + "/trace", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=ENOSPC:when=1+")
        refused(errno.ENOSPC, mark)
        tracer.terminate(); tracer.wait()
        mark()
        assert get(image) == bytes(10000)
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "An upload whose name the disk did not take keeps its chunks, and the same marker again brings it there",
    arguments: ["images/user-7/2026/11/a.dcm", ""])
  func failedFolder(marker: String) throws {
    try withMount { m in
      try m.python(
        #"""
        session, month = M + "/temp/uploads/s", M + "/images/user-7/2026/11"
        os.makedirs(month)
        os.mkdir(session)
        put(session + "/chunk_0", bytes(10000))
        def watched(*options):
            return traced(server(), "-y", "-o", D + "/trace", "-e", "trace=fsync,renameat2", *options)
        marker = os.environ["MARKER"]
        image = marker or "temp/processing/s"
        def mark(): put(session + "/.complete", marker.encode())
        # The note, the session's folder, and then the image's.
        tracer = watched("-e", "inject=fsync:error=EIO:when=3+")
        for _ in range(2):
            refused(errno.EIO, mark)
            assert os.listdir(R + "/temp/uploads/s").count("chunk_0") == 1
            assert '"error": "EIO' in get(session + "/.stats").decode()
            assert get(session + "/chunk_0") == bytes(10000)
            refused(errno.ENOTEMPTY, os.rmdir, session)
            assert os.path.exists(R + "/temp/uploads/s/completing")
        tracer.terminate(); tracer.wait()
        tracer = watched()
        mark()
        tracer.terminate(); tracer.wait()
        calls = open(D + "/trace").read()
        folder = os.path.dirname(image)
        assert re.search(rf"fsync\(\d+<[^>]*{folder}>", calls).start() < calls.index('".complete"'), calls
        assert os.listdir(session) == [".complete"] and get(f"{M}/{image}") == bytes(10000)
        """#, ["MARKER": marker])
      try m.expectStatsAsWalked()
    }
  }

  @Test("while that fails a finished session does not go, and it is asked for again", .needs("strace"))
  func unfinishedLingers() throws {
    try withMount("--session-linger", "0.01") { m in
      try m.python(
        #"""
        session, month = M + "/temp/uploads/s", M + "/images/user-7/2026/11"
        os.makedirs(month)
        os.mkdir(session)
        put(session + "/chunk_0", bytes(10000))
        tracer = traced(server(), "-o", D + "/trace", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=3+")
        refused(errno.EIO, put, session + "/.complete", b"images/user-7/2026/11/a.dcm")
        before = get(M + "/.errors")
        assert poll(lambda: get(D + "/trace").count(b"EIO") > 2, 30), get(D + "/trace")
        assert sorted(os.listdir(R + "/temp/uploads/s")) == ["chunk_0", "completing"]
        tracer.terminate(); tracer.wait()
        assert poll(lambda: not os.path.exists(R + "/temp/uploads/s"), 30)
        assert get(month + "/a.dcm") == bytes(10000)
        assert get(M + "/.errors") == before, get(M + "/.errors")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("and goes where its image was taken away meanwhile", .needs("strace"))
  func unfinishedTakenAway() throws {
    try withMount("--session-linger", "0.01") { m in
      try m.python(
        #"""
        session, month = M + "/temp/uploads/s", M + "/images/user-7/2026/11"
        os.makedirs(month)
        os.mkdir(session)
        put(session + "/chunk_0", bytes(10000))
        tracer = traced(server(), "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=3+")
        refused(errno.EIO, put, session + "/.complete", b"images/user-7/2026/11/a.dcm")
        os.unlink(month + "/a.dcm")
        os.rmdir(month)
        tracer.terminate(); tracer.wait()
        assert poll(lambda: not os.path.exists(R + "/temp/uploads/s"), 30)
        """#)
      try m.expectStatsAsWalked()
    }
  }
}
