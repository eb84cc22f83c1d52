import Testing

/// Chunks that somebody has open while they are renamed, replaced, deleted or truncated.
@Suite("A chunk that is open", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct OpenChunkTests {
  private static let session = #"""
    session, image = M + "/temp/uploads/s", "images/user-7/2026/11/a.dcm"
    os.mkdir(session)
    def mark(): put(session + "/.complete", image.encode())
    def stored(): return get(f"{R}/{image}")

    """# + "\n"

  private func inSession(_ script: String, _ environment: [String: String] = [:]) throws {
    try withMount { m in
      try m.month()
      try m.python(Self.session + script, environment)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Who has one open that was replaced does not write into the image", arguments: ["new", "saved"])
  func replaced(which: String) throws {
    try inSession(
      #"""
      if os.environ["WHICH"] == "saved": put(session + "/chunk_0", b"o" * 5000)
      old = os.open(session + "/chunk_0", os.O_CREAT | os.O_RDWR)
      new = os.open(session + "/chunk_1", os.O_CREAT | os.O_WRONLY)
      os.write(new, b"n" * 3000)
      os.rename(session + "/chunk_1", session + "/chunk_0")
      os.pwrite(old, b"o" * 100, 0)
      os.close(new)
      mark()
      assert stored() == b"n" * 3000
      os.pwrite(old, b"!" * 50, 20)
      assert stored() == b"n" * 3000
      assert os.pread(old, 30, 0) == b"o" * 20 + b"!" * 10
      os.close(old)
      """#, ["WHICH": which])
  }

  @Test("A completion waits for the writer of the one that replaced it, not for that of the one that has gone")
  func writersOfReplaced() throws {
    try inSession(
      #"""
      put(session + "/chunk_0", b"o" * 1000)
      old = os.open(session + "/chunk_0", os.O_WRONLY)
      new = os.open(session + "/chunk_1", os.O_CREAT | os.O_WRONLY)
      os.write(new, b"n" * 500)
      os.rename(session + "/chunk_1", session + "/chunk_0")
      os.close(old)
      refused(errno.EBUSY, mark)
      os.write(new, b"m" * 500)
      os.close(new)
      mark()
      assert stored() == b"n" * 500 + b"m" * 500
      """#)
  }

  @Test("One that was given a work name while it was open keeps nobody from completing or removing the session")
  func becameWork() throws {
    try inSession(
      #"""
      put(session + "/chunk_0", b"o" * 1000)
      file = os.open(session + "/chunk_0", os.O_WRONLY)
      os.rename(session + "/chunk_0", session + "/.c.part")
      os.close(file)
      os.rename(session + "/.c.part", session + "/chunk_0")
      mark()
      assert stored() == b"o" * 1000
      shutil.rmtree(session)
      """#)
  }

  @Test("Two that change places while one is open are counted as they are")
  func exchanged() throws {
    try inSession(
      #"""
      put(session + "/chunk_0", b"a" * 1000)
      put(session + "/chunk_1", b"b" * 300)
      file = os.open(session + "/chunk_0", os.O_WRONLY)
      renameat2(session + "/chunk_0", session + "/chunk_1", EXCHANGE)
      refused(errno.EBUSY, mark)
      os.write(file, b"A" * 10)
      os.close(file)
      assert '"bytes": 1300' in get(session + "/.stats").decode()
      mark()
      assert stored() == b"b" * 300 + b"A" * 10 + b"a" * 990
      """#)
  }

  @Test("Who opens one that is just being deleted has no part in the one sent after it", .needs("strace"))
  func deletedMeanwhile() throws {
    try inSession(
      #"""
      import threading
      put(session + "/chunk_0", b"o" * 5000)
      tracer = traced(
          server(), "-o", D + "/calls", "-e", "trace=openat2,unlinkat", "-e", "inject=unlinkat:delay_enter=1s:when=1")
      deleting = threading.Thread(target=os.unlink, args=(session + "/chunk_0",))
      deleting.start()
      assert poll(lambda: b"unlinkat" in get(D + "/calls"))
      try: old = os.open(session + "/chunk_0", os.O_RDWR)
      except FileNotFoundError: old = None
      deleting.join()
      tracer.terminate(); tracer.wait()
      put(session + "/chunk_0", b"n" * 5000)
      mark()
      if old is not None: os.pwrite(old, b"!" * 50, 20)
      assert stored() == b"n" * 5000
      """#)
  }

  @Test("A truncate is through before a completion begins", .needs("strace"))
  func truncated() throws {
    try inSession(
      #"""
      import threading
      put(session + "/chunk_0", b"o" * 200000)
      put(session + "/chunk_1", b"p" * 200000)
      tracer = traced(
          server(), "-o", D + "/calls", "-e", "trace=ftruncate", "-e", "inject=ftruncate:delay_enter=1s:when=1")
      truncating = threading.Thread(target=os.truncate, args=(session + "/chunk_0", 50000))
      truncating.start()
      # It has passed all checks.
      threads = f"/proc/{server()}/task"
      def is_held(thread):
          try: return get(f"{threads}/{thread}/syscall").split()[0] in (b"77", b"46")
          except (FileNotFoundError, ProcessLookupError, IndexError): return False
      assert poll(lambda: any(is_held(thread) for thread in os.listdir(threads)))
      mark()
      truncating.join()
      tracer.terminate(); tracer.wait()
      assert stored() == b"o" * 50000 + b"p" * 200000
      """#)
  }

  @Test("Emptied by who only reads it, it counts nothing", .needs("python3"))
  func emptiedByReader() throws {
    try inSession(
      #"""
      put(session + "/chunk_0", b"o" * 5000)
      put(session + "/chunk_1", b"p" * 5000)
      os.close(os.open(session + "/chunk_0", os.O_RDONLY | os.O_TRUNC))
      assert '"bytes": 5000' in get(session + "/.stats").decode(), get(session + "/.stats")
      mark()
      assert stored() == b"p" * 5000
      """#)
  }

  @Test(
    "One that got a hole after it was saved is there after the machine has started anew",
    arguments: ["again", "at once", "over a kill"])
  func hole(when: String) throws {
    try withMount { m in
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        file = os.open(session + "/chunk_0", os.O_CREAT | os.O_RDWR)
        os.write(file, b"x" * 1000000)
        if os.environ["WHEN"] == "again":
            os.close(file)
            file = os.open(session + "/chunk_0", os.O_RDWR)
        elif os.environ["WHEN"] == "at once":
            os.fsync(file)
        os.pwrite(file, b"y" * 1000000, 3000000)
        if os.environ["WHEN"] == "over a kill": crash()
        os.fsync(file)
        os.close(file)
        """#, ["WHEN": when])
      try m.unmount()
      try m.sh("sed -i 's/^boot .*/boot 00000000-0000-0000-0000-000000000000/' \"$R/.mammofs/lock\"")
      try m.mount()
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        whole = b"x" * 1000000 + bytes(2000000) + b"y" * 1000000
        assert get(session + "/chunk_0") == whole
        put(session + "/.complete", b"temp/processing/a")
        assert get(M + "/temp/processing/a") == whole
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#)
    }
  }
}
