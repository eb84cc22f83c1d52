import Glibc
import Testing

/// Why a completion is refused, and that it changes nothing.
@Suite("A refused completion", .mounting, .timeLimit(.minutes(15)))
struct MarkerRefusalTests {
  @Test("A check that would take hours ends with the mount", .needs("python3"), arguments: ["umount", "signal"])
  func enormous(by: String) throws {
    try withMount { m in
      try m.python(
        #"""
        session, process = M + "/temp/uploads/s", server()
        os.mkdir(session)
        put(session + "/chunk_0")
        os.truncate(session + "/chunk_0", 8 << 40)
        def complete():
            put(session + "/.complete", b'{"path": "temp/processing/a", "sha256": "' + b"0" * 64 + b'"}')
        if os.fork() == 0:
            os.setsid()
            try: complete()
            finally: os._exit(0)
        def ticks(): return int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[11])
        begin = ticks()
        assert poll(lambda: ticks() > begin + 30, 60)
        if os.environ["BY"] == "umount": subprocess.run(["umount", "-f", M], stderr=subprocess.DEVNULL)
        else: os.kill(process, signal.SIGTERM)
        def has_ended():
            try: return open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"
            except (FileNotFoundError, ProcessLookupError): return True
        assert poll(has_ended, 30)
        """#, ["BY": by])
      if m.isMounted { try m.sh("umount -l \"$M\"") }
      try m.mount()
      #expect(Files.exists(m["temp/uploads/s/chunk_0"]))
      #expect(!Files.exists(m["temp/uploads/s/.complete"]))
    }
  }

  private static let target = "images/user-7/2026/11/a.dcm"

  @Test("A chunk is missing, or their number differs: ENODATA; repaired, the marker works")
  func missing() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.expectRefused(Self.target, ENODATA)
      try upload.write([1], to: "chunk_0")
      try upload.write([4], to: "chunk_3")
      try upload.expectRefused(Self.target, ENODATA, says: "1")
      #expect(try upload.stats().missing == [1, 2])
      try upload.write([2], to: "chunk_1")
      try upload.expectRefused("", ENODATA)
      try upload.write([3], to: "chunk_2")
      for total in [0, 3, 5] {
        try upload.expectRefused(#"{"path": "\#(Self.target)", "totalChunks": \#(total)}"#, ENODATA)
      }
      #expect(upload.mark(#"{"path": "\#(Self.target)", "totalChunks": 4}"#) == ErrnoName(0))
      try upload.expectComplete(Self.target, [1, 2, 3, 4], chunks: 4)
    }
  }

  @Test("A first chunk that is missing: ENODATA")
  func firstMissing() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write([1], to: "chunk_1")
      try upload.expectRefused(Self.target, ENODATA)
      let letters = try Upload(m, "letters")
      try letters.write([1], to: "chunk_ab")
      try letters.expectRefused(Self.target, ENODATA, says: "missing chunk_aa; send it")
    }
  }

  @Test("A last chunk of no bytes is a chunk, and an extra one is too many")
  func zeroLength() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill(["chunk_0", "chunk_1"])
      try upload.write([], to: "chunk_2")
      #expect(try upload.stats().chunks == 3)
      try upload.expectRefused(#"{"path": "\#(Self.target)", "totalChunks": 2}"#, ENODATA)
      #expect(upload.mark(#"{"path": "\#(Self.target)", "totalChunks": 3}"#) == ErrnoName(0))
      try upload.expectComplete(Self.target, whole, chunks: 3)
    }
  }

  @Test("The size or the digest differs: EBADMSG", .needs("sha256sum"))
  func different() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      for size in [0, whole.count - 1, whole.count + 1] {
        try upload.expectRefused(#"{"path": "\#(Self.target)", "size": \#(size)}"#, EBADMSG)
      }
      let wrong = String(repeating: "0123456789abcdef", count: 4)
      try upload.expectRefused(#"{"path": "\#(Self.target)", "sha256": "\#(wrong)"}"#, EBADMSG)
      // One bit is wrong, as on a bad line; the client sends that chunk again.
      let digest = try m.sh("cat \"$M/\(upload.path)\"/chunk_? | sha256sum | cut -d' ' -f1")
      var damaged = Bytes.pattern(5777, seed: 1)
      damaged[100] ^= 1
      try upload.write(damaged, to: "chunk_1")
      let marker = #"{"path": "\#(Self.target)", "sha256": "\#(digest)"}"#
      try upload.expectRefused(marker, EBADMSG)
      try upload.write(Bytes.pattern(5777, seed: 1), to: "chunk_1")
      #expect(upload.mark(marker) == ErrnoName(0))
      try upload.expectComplete(Self.target, whole, chunks: 3)
      #expect(try upload.stats().error == nil)
    }
  }

  @Test("The target exists and overwrite is not true: EEXIST")
  func exists() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("old", to: m["\(month)/a.dcm"])
      try Files.write("old", to: m["temp/processing/s1"])
      let upload = try Upload(m)
      let whole = try upload.fill()
      try upload.expectRefused("\(month)/a.dcm", EEXIST)
      try upload.expectRefused(#"{"path": "\#(month)/a.dcm", "overwrite": false}"#, EEXIST)
      try upload.expectRefused("", EEXIST)
      try upload.expectRefused("temp/processing/s1", EEXIST)
      #expect(upload.mark("\(month)/b.dcm") == ErrnoName(0))
      try upload.expectComplete("\(month)/b.dcm", whole, chunks: 3)
    }
  }

  @Test("A target that is being written by another program is not replaced")
  func beingWritten() throws {
    try withMount { m in
      let month = try m.month()
      let upload = try Upload(m)
      try upload.fill()
      let writer = try Files.open(m["\(month)/a.dcm"], O_CREAT | O_WRONLY)
      try Files.write(Array("other".utf8), to: writer)
      #expect([EEXIST, EBUSY].contains(upload.mark("\(month)/a.dcm").value))
      Files.close(writer)
      #expect(try Files.text(m["\(month)/a.dcm"]) == "other")
      #expect(try upload.stats().chunks == 3)
    }
  }

  @Test("A chunk is still open for writing: EBUSY; once closed, the marker works")
  func chunkOpen() throws {
    try withMount { m in
      let upload = try Upload(m)
      var whole = try upload.fill()
      let descriptor = try Files.open(upload["chunk_2"], O_WRONLY | O_APPEND)
      try upload.expectRefused(Self.target, EBUSY, says: "chunk_2")
      try Files.write([1, 2, 3], to: descriptor)
      whole += [1, 2, 3]
      #expect(Files.close(descriptor) == 0)
      #expect(upload.mark(Self.target) == ErrnoName(0))
      try upload.expectComplete(Self.target, whole, chunks: 3)
    }
  }

  @Test("A chunk that is new and still open counts as open, one that is only read does not")
  func newChunkOpen() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      let descriptor = try Files.open(upload["chunk_3"], O_CREAT | O_WRONLY)
      #expect(upload.mark(Self.target) == ErrnoName(EBUSY))
      Files.close(descriptor)
      #expect(errnoOf { unlink(upload["chunk_3"]) } == ErrnoName(0))
      let reader = try Files.open(upload["chunk_0"], O_RDONLY)
      #expect(upload.mark(Self.target) == ErrnoName(0))
      #expect(try Files.read(from: reader) == Bytes.pattern(5000, seed: 0))
      Files.close(reader)
      try upload.expectComplete(Self.target, whole, chunks: 3)
    }
  }

  @Test(
    "A marker that cannot be understood: EINVAL",
    arguments: [
      "{", "{}", #"{"path": 7}"#, #"{"path": "images/user-7/2026/11/a.dcm""#, "[1, 2]", #"{"userId": "7"}"#,
      #"{"imageId": "a", "extension": "dcm"}"#, #"{"path": "temp/processing/a", "totalChunks": "three"}"#,
      #"{"path": "temp/processing/a", "sha256": "abc"}"#, #"{"path": "temp/processing/a", "size": -1}"#,
      #"{"path": "temp/processing/a", "overwrite": "maybe"}"#, #"{"userId": "a/b", "imageId": "c", "extension": "d"}"#,
      #"{"userId": "a", "imageId": "../c", "extension": "dcm"}"#, #"{"userId": "", "imageId": "c", "extension": "d"}"#,
    ])
  func notUnderstood(marker: String) throws { try expectInvalid(marker) }

  @Test(
    "A place that cannot hold an image: EINVAL",
    arguments: [
      "done", "/etc/passwd", "../a", "images", "images/", "images/user-7", "images/user-7/2026/11",
      "images/user-7/2026/13/a.dcm", "images/user-7/26/11/a.dcm", "images/7/2026/11/a.dcm", "images/user-7/a.dcm",
      "images/user-7/2026/11/b/a.dcm", "images/user-7/2026/11/../../../../a", "images/../temp/processing/a",
      "images/user-7/2026/11/..", "images/user-7/2026/11/.hidden", "images//2026/11/a.dcm", "temp/a",
      "temp/uploads/s1/chunk_9", "temp/uploads/s1", "temp/processing", "temp/processing/", "temp/processing/../a",
      "temp/processing/..", ".stats", "images/user-7/.stats", ".mammofs/staging/1",
      "thumbnails/user-7/2026/11/a.jpg", "thumbnails/user-7/2026/11/a.dcm", "images/user-7/2026/11/a.dcm\nsecond line",
      "images/user-7/2026/11/" + String(repeating: "n", count: 256), "images/user-7/2026/11/a\u{1}b",
    ])
  func noPlace(marker: String) throws { try expectInvalid(marker) }

  private func expectInvalid(_ marker: String) throws {
    try withMount { m in
      try m.month()
      let upload = try Upload(m)
      let whole = try upload.fill()
      try upload.expectRefused(marker, EINVAL)
      #expect(upload.mark(Self.target) == ErrnoName(0))
      try upload.expectComplete(Self.target, whole, chunks: 3)
    }
  }

  @Test("A marker that is not UTF-8, or much too long: EINVAL")
  func notText() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      #expect(Files.writeAndClose([0x69, 0xFF, 0xFE], to: upload[".complete"]) == EINVAL)
      let long = Array(("temp/processing/" + String(repeating: "x", count: 1 << 20)).utf8)
      #expect([EINVAL, EFBIG, ENAMETOOLONG].contains(Files.writeAndClose(long, to: upload[".complete"])))
      #expect(!Files.exists(upload[".complete"]))
      #expect(try upload.stats().chunks == 3)
    }
  }

  @Test("A target that is a folder or in no folder is refused")
  func folders() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      try Files.makeFolder(m["temp/processing/folder"])
      try Files.write("x", to: m["temp/processing/file"])
      #expect(symlink("/tmp", m["temp/processing/link"]) == 0)
      for (path, errnos) in [
        ("temp/processing/folder", [EINVAL, EEXIST, EISDIR]), ("temp/processing/file/a", [EINVAL, ENOTDIR]),
        ("temp/processing/link/a", [EINVAL, ELOOP, ENOTDIR, EXDEV]),
      ] {
        for overwrite in [false, true] {
          let result = upload.mark(#"{"path": "\#(path)", "overwrite": \#(overwrite)}"#)
          #expect(errnos.contains(result.value), "\(path): \(result)")
          #expect(!Files.exists(upload[".complete"]))
        }
      }
      #expect(!Files.exists("/tmp/a"), "a symbolic link led out of the tree")
      #expect(try upload.stats().chunks == 3)
    }
  }

  @Test("A marker of an unlinked session, and one that is removed before it is closed, complete nothing")
  func removedMarker() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      let descriptor = try Files.open(upload[".complete"], O_CREAT | O_WRONLY)
      try Files.write(Array(Self.target.utf8), to: descriptor)
      #expect(errnoOf { unlink(upload[".complete"]) } == ErrnoName(0))
      Files.close(descriptor)
      #expect(!Files.exists(m[Self.target]))
      #expect(try upload.stats().state == "receiving")
      #expect(try upload.stats().chunks == 3)
    }
  }
}
