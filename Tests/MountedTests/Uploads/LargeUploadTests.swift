import Glibc
import Synchronization
import Testing

/// An image larger than 4 GiB, and what it costs the server.
@Suite("A large upload", .mounting, .long, .serialized, .timeLimit(.minutes(60)))
struct LargeUploadTests {
  @Test("4.5 GiB in parallel chunks come back with their SHA-256, the server staying below 100 MiB", .needs("python3"))
  func large() throws {
    try withMount { m in
      let most = Mutex(0)
      let isDone = Atomic(false)
      let isSampling = Atomic(true)
      Watchdog.after(seconds: 0) {
        while !isDone.load(ordering: .relaxed) {
          let now = m.residentMemory
          most.withLock { $0 = max($0, now) }
          usleep(50_000)
        }
        isSampling.store(false, ordering: .relaxed)
      }
      defer {
        isDone.store(true, ordering: .relaxed)
        _ = poll(seconds: 10) { !isSampling.load(ordering: .relaxed) }
      }
      try m.python(
        #"""
        import hashlib, json
        total, piece = 4608 << 20, 64 << 20
        # Sparse: some bytes at the start of each MiB, so that a misplaced piece shows.
        with open(D + "/whole", "wb") as file:
            file.truncate(total)
            for offset in range(0, total, 1 << 20):
                file.seek(offset)
                file.write(offset.to_bytes(8, "big"))

        def digest(path):
            found = hashlib.sha256()
            with open(path, "rb") as file:
                while data := file.read(1 << 20): found.update(data)
            return found.hexdigest()

        whole, session = digest(D + "/whole"), M + "/temp/uploads/s1"
        os.mkdir(session)
        order = list(range(total // piece))
        random.shuffle(order)
        children = []
        for worker in range(2):
            child = os.fork()
            if child == 0:
                with open(D + "/whole", "rb") as source:
                    for i in order[worker::2]:
                        source.seek(i * piece)
                        with open(f"{session}/chunk_{i}", "wb") as target:
                            for _ in range(piece >> 20): target.write(source.read(1 << 20))
                os._exit(0)
            children.append(child)
        for child in children: assert os.waitpid(child, 0)[1] == 0
        os.unlink(D + "/whole")
        target = "images/user-7/2026/11/large.dcm"
        marker = {"path": target, "totalChunks": total // piece, "size": total, "sha256": whole}
        put(session + "/.complete", json.dumps(marker).encode())
        assert os.stat(M + "/" + target).st_size == total
        assert digest(M + "/" + target) == whole
        """#, seconds: 1700)
      let kibibytes = most.withLock { $0 }
      #expect(kibibytes > 0 && kibibytes < 100 << 10, "the server had \(kibibytes) KiB")
      try m.expectStatsAsWalked()
    }
  }
}
