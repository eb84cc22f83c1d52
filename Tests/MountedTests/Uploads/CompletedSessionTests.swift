import Glibc
import Testing

/// What a completed session still answers, and several markers at once.
@Suite("A completed session", .mounting, .timeLimit(.minutes(15)))
struct CompletedSessionTests {
  private static let target = "images/user-7/2026/11/a.dcm"

  @Test("Its marker reads as JSON with storagePath, size, chunks")
  func result() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      #expect(upload.mark("/" + Self.target + "\n") == ErrnoName(0))
      #expect(try upload.names() == [".complete"])
      let result = try upload.result()
      #expect(result.storagePath == Self.target && result.size == whole.count && result.chunks == 3)
      let size = try Files.stat(upload[".complete"]).st_size
      #expect(size == off_t(try Files.read(upload[".complete"]).count))
      // A tool can set times and modes after its close.
      try m.sh("touch -d '2020-01-01 UTC' \"$M/\(upload.marker)\"; chmod 600 \"$M/\(upload.marker)\"")
      #expect(try Files.stat(upload[".complete"]).st_mtim.tv_sec == 1_577_836_800)
    }
  }

  @Test("The same marker again succeeds and changes nothing", arguments: ["images/user-7/2026/11/a.dcm", ""])
  func repeated(marker: String) throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      #expect(upload.mark(marker) == ErrnoName(0))
      let before = try upload.result()
      let stat = try Files.stat(m[before.storagePath])
      for _ in 0..<2 {
        #expect(upload.mark(marker) == ErrnoName(0))
        #expect(try upload.result().storagePath == before.storagePath)
      }
      let after = try Files.stat(m[before.storagePath])
      #expect(after.st_ino == stat.st_ino && after.st_mtim.tv_nsec == stat.st_mtim.tv_nsec)
      #expect(after.st_size == stat.st_size)
      try m.expectStatsAsWalked()
      try m.remount()
      #expect(upload.mark(marker) == ErrnoName(0))
    }
  }

  @Test("It is finished without its marker, too, also after a remount")
  func markerDeleted() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      #expect(upload.mark(Self.target) == ErrnoName(0))
      try m.sh("rm \"$M/\(upload.path)/.complete\"")
      try m.remount()
      #expect(try m.countedStats().sessions == Stats.Sessions(active: 0, completed: 1))
      try m.refuses(EPERM, at: "\(upload.path)/chunk_0") { open($0, O_CREAT | O_WRONLY, 0o600) }
      #expect(upload.mark(Self.target) == ErrnoName(0))
      #expect(Files.exists(m[upload.path + "/.complete"]))
      #expect(rmdir(m[upload.path]) == 0)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Its marker has one name: EPERM in the session, EXDEV elsewhere")
  func linked() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      #expect(upload.mark(Self.target) == ErrnoName(0))
      for round in 1...2 {
        for name in ["other", ".other", "chunk_0"] {
          try m.refuses(EPERM, at: "\(upload.path)/\(name)", operation: "link") { link(upload[".complete"], $0) }
        }
        try m.refuses(EXDEV, at: "temp/processing/other", operation: "link") { link(upload[".complete"], $0) }
        if round == 1 { try m.remount() }
      }
    }
  }

  @Test(
    "Its chunks are gone for whoever looks, however many there were", arguments: ["list", "look", "figures", "rmdir"])
  func manyChunks(first: String) throws {
    try withMount { m in
      try m.sh(
        #"""
        python3 - << 'end'
        import errno, json, os
        M, first = os.environ["M"], os.environ["FIRST"]
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        for index in range(1500):
            with open(f"{session}/chunk_{index}", "wb") as file: file.write(b"%d" % index)
        os.makedirs(M + "/images/user-7/2026/11")
        with open(session + "/.complete", "w") as file: file.write("images/user-7/2026/11/a.dcm")

        def gone(call, path):
            try: call(path)
            except FileNotFoundError: return True
        def look():
            for index in (1499, 0, 700):
                assert gone(os.unlink, f"{session}/chunk_{index}") and gone(open, f"{session}/chunk_{index}")
        def figures(): assert json.load(open(M + "/.stats"))["temp"]["count"] == 1
        def list(): assert os.listdir(session) == [".complete"]
        if first == "rmdir": os.rmdir(session)
        else: {"list": list, "look": look, "figures": figures}[first]()
        end
        """#, ["FIRST": first])
      try m.expectStatsAsWalked()
    }
  }

  @Test("A different marker is refused, and the result stays")
  func different() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      #expect(upload.mark(Self.target) == ErrnoName(0))
      for marker in ["images/user-7/2026/11/b.dcm", #"{"path": "\#(Self.target)", "totalChunks": 9}"#, "{"] {
        let result = upload.mark(marker)
        #expect(result != ErrnoName(0), "\(marker) was accepted")
      }
      #expect(!Files.exists(m["images/user-7/2026/11/b.dcm"]))
      try upload.expectComplete(Self.target, whole, chunks: 3)
    }
  }

  @Test("A chunk of it is refused with EPERM")
  func chunks() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      #expect(upload.mark(Self.target) == ErrnoName(0))
      for name in ["chunk_0", "chunk_3"] {
        try m.refuses(EPERM, at: "\(upload.path)/\(name)", operation: "open|create", says: "complete") {
          Files.create($0)
        }
      }
      let work = Files.create(upload[".tmp"])
      if work == 0 {
        try m.refuses(EPERM, at: "\(upload.path)/chunk_3", operation: "rename") { rename(upload[".tmp"], $0) }
      }
    }
  }

  @Test("Opening the marker for reading waits for a completion under way", .needs("python3"))
  func waits() throws {
    try withMount { m in
      try m.python(
        #"""
        import hashlib, json, threading
        session = M + "/temp/uploads/s1"
        os.mkdir(session)
        digest = hashlib.sha256()
        for i in range(16):
            piece = os.urandom(1 << 16) * 64
            digest.update(piece)
            put(f"{session}/chunk_{i}", piece)
        marker = json.dumps({"path": "images/user-7/2026/11/a.dcm", "sha256": digest.hexdigest()}).encode()
        child = os.fork()
        if child == 0:
            put(session + "/.complete", marker)
            os._exit(0)
        states, result = set(), None
        def ready():
            global result
            states.add(json.loads(get(session + "/.stats"))["state"])
            try:
                result = json.loads(get(session + "/.complete"))
            except (FileNotFoundError, ValueError):
                return False
            return "storagePath" in result
        assert poll(ready, 60), states
        assert result["size"] == 64 << 20 and result["sha256"] == digest.hexdigest(), result
        assert os.stat(M + "/" + result["storagePath"]).st_size == 64 << 20
        assert os.waitpid(child, 0)[1] == 0
        assert states <= {"receiving", "assembling", "complete"}, states
        """#)
    }
  }

  @Test("Of two racing writers of different markers one wins, and nothing is lost", .needs("python3"))
  func racing() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        import json
        month = M + "/images/user-7/2026/11/"
        for round in range(10):
            session = f"{M}/temp/uploads/s{round}"
            os.mkdir(session)
            pieces = [os.urandom(20000 + i) for i in range(8)]
            for i, piece in enumerate(pieces): put(f"{session}/chunk_{i}", piece)
            go_read, go = os.pipe()
            children = {}
            for name in ("a", "b"):
                child = os.fork()
                if child == 0:
                    os.close(go)
                    os.read(go_read, 1)
                    try:
                        put(session + "/.complete", f"images/user-7/2026/11/{name}{round}".encode())
                    except OSError as error:
                        os._exit(error.errno)
                    os._exit(0)
                children[name] = child
            os.close(go_read); os.close(go)
            codes = {n: os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for n, c in children.items()}
            winners = [n for n, code in codes.items() if code == 0]
            assert len(winners) == 1, codes
            loser = next(code for code in codes.values() if code)
            assert loser in (errno.EBUSY, errno.EPERM, errno.EEXIST), errno.errorcode.get(loser)
            there = [n for n in "ab" if os.path.exists(f"{month}{n}{round}")]
            assert there == winners, (there, codes)
            assert get(f"{month}{winners[0]}{round}") == b"".join(pieces)
            assert json.loads(get(session + "/.complete"))["storagePath"].endswith(winners[0] + str(round))
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Two racing writers of the same marker both succeed", .needs("python3"))
  func racingAlike() throws {
    try withMount { m in
      try m.python(
        #"""
        for round in range(10):
            session = f"{M}/temp/uploads/s{round}"
            os.mkdir(session)
            pieces = [os.urandom(20000 + i) for i in range(8)]
            for i, piece in enumerate(pieces): put(f"{session}/chunk_{i}", piece)
            go_read, go = os.pipe()
            children = []
            for _ in range(3):
                child = os.fork()
                if child == 0:
                    os.close(go)
                    os.read(go_read, 1)
                    try:
                        put(session + "/.complete", f"images/user-7/2026/11/{round}.dcm".encode())
                    except OSError as error:
                        os._exit(error.errno)
                    os._exit(0)
                children.append(child)
            os.close(go_read); os.close(go)
            codes = [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children]
            assert codes == [0, 0, 0], [errno.errorcode.get(c) for c in codes]
            assert get(f"{M}/images/user-7/2026/11/{round}.dcm") == b"".join(pieces)
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("The same marker again by mv, by rsync, and after it was removed")
  func againByRename() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      try m.sh(
        #"""
        mkdir out; echo images/user-7/2026/11/a.dcm > out/.complete
        cp out/.complete "$S/.complete"
        cp out/.complete marker; mv marker "$S/.complete"
        rsync -I out/.complete "$S/"
        cp out/.complete "$S/.m"; mv "$S/.m" "$S/.complete"
        rm "$S/.complete"; test ! -e "$S/.complete"
        cp out/.complete "$S/.complete"
        grep -q storagePath "$S/.complete"
        fails cp <(echo images/user-7/2026/11/b.dcm) "$S/.complete"
        """#, ["S": m[upload.path]])
      try upload.expectComplete("images/user-7/2026/11/a.dcm", whole, chunks: 3)
      try m.expectStatsAsWalked()
      try m.sh("rm -r \"$S\"", ["S": m[upload.path]])
    }
  }

  @Test("A refusal reaches whoever closes the marker, however many have a file of that name open")
  func refusedBesideOthers() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write([1], to: "chunk_1")
      try m.sh(
        #"""
        mkdir other; echo images/user-7/2026/11/a.dcm > other/.complete
        exec 8< other/.complete
        mkdir "$M/temp/uploads/s2"; echo 1 > "$M/temp/uploads/s2/chunk_0"
        exec 9> "$M/temp/uploads/s2/.complete"
        for i in $(seq 30); do fails cp other/.complete "$S/.complete" 2>/dev/null; done
        exec 9>&-
        """#, ["S": m[upload.path]])
    }
  }

  @Test("Many sessions complete at the same time")
  func parallel() throws {
    try withMount { m in
      try m.sh(
        """
        for s in $(seq 12); do
          (mkdir "$M/temp/uploads/$s"
           for c in 0 1 2; do head -c 30000 /dev/zero | tr '\\0' "$c" > "$M/temp/uploads/$s/chunk_$c"; done
           cp <(echo "images/user-$s/2026/11/a.dcm") "$M/temp/uploads/$s/.complete") &
        done
        for job in $(jobs -p); do wait "$job"; done
        test "$(cat "$R"/images/user-*/2026/11/a.dcm | wc -c)" = $((12 * 90000))
        test "$(sha256sum "$R"/images/user-*/2026/11/a.dcm | cut -d' ' -f1 | sort -u | wc -l)" = 1
        """)
      #expect(try m.countedStats().users == 12)
      try m.expectStatsAsWalked()
    }
  }
}
