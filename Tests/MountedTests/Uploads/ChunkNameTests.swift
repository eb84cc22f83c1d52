import Glibc
import Testing

/// How chunks are named, and that order is by value.
@Suite("Chunks", .mounting, .timeLimit(.minutes(15)))
struct ChunkNameTests {
  private static let target = "images/user-7/2026/11/a.dcm"

  @Test("chunk_2 comes before chunk_10, however they are spelled")
  func order() throws {
    try withMount { m in
      let plain = try Upload(m, "plain")
      let padded = try Upload(m, "padded")
      let mixed = try Upload(m, "mixed")
      var whole: [UInt8] = []
      for index in 0..<12 {
        let bytes = Bytes.pattern(100 + index, seed: index)
        whole += bytes
        try plain.write(bytes, to: "chunk_\(index)")
        try padded.write(bytes, to: "chunk_\(index < 10 ? "00" : "0")\(index)")
        try mixed.write(bytes, to: index.isMultiple(of: 2) ? "chunk_\(index)" : "chunk_0000\(index)")
      }
      for upload in [plain, padded, mixed] {
        #expect(try upload.stats().chunks == 12)
        #expect(upload.mark("temp/processing/\(upload.id)") == ErrnoName(0))
        try upload.expectComplete("temp/processing/\(upload.id)", whole, chunks: 12)
      }
    }
  }

  @Test("A second spelling of an index that is there: EEXIST")
  func secondSpelling() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write([1], to: "chunk_7")
      for name in ["chunk_007", "chunk_07"] {
        try m.refuses(EEXIST, at: "\(upload.path)/\(name)", operation: "open|create", says: "chunk_7") {
          Files.create($0)
        }
      }
      try upload.write([1], to: ".chunk.tmp")
      try m.refuses(EEXIST, at: "\(upload.path)/chunk_007", operation: "rename") { rename(upload[".chunk.tmp"], $0) }
      let descriptor = try Files.open(upload["chunk_8"], O_CREAT | O_WRONLY)
      #expect(errnoOf { Files.create(upload["chunk_08"]) } == ErrnoName(EEXIST))
      Files.close(descriptor)
      #expect(unlink(upload["chunk_7"]) == 0)
      #expect(Files.create(upload["chunk_007"]) == 0, "the index is free again")
    }
  }

  @Test("Numbers and letters in one session: EINVAL")
  func mixed() throws {
    try withMount { m in
      let numbers = try Upload(m, "numbers")
      try numbers.write([1], to: "chunk_0")
      try m.refuses(EINVAL, at: "\(numbers.path)/chunk_ab", operation: "open|create") { Files.create($0) }
      let letters = try Upload(m, "letters")
      try letters.write([1], to: "chunk_aa")
      try m.refuses(EINVAL, at: "\(letters.path)/chunk_1", operation: "open|create") { Files.create($0) }
      try letters.write([1], to: ".tmp")
      try m.refuses(EINVAL, at: "\(letters.path)/chunk_1", operation: "rename") { rename(letters[".tmp"], $0) }
      #expect(unlink(letters["chunk_aa"]) == 0)
      #expect(Files.create(letters["chunk_1"]) == 0, "an empty session takes either")
    }
  }

  @Test("Other names in a session: EINVAL; folders and links: EPERM")
  func otherNames() throws {
    try withMount { m in
      let upload = try Upload(m)
      for name in [
        "chunk", "chunk_", "chunk_-1", "chunk_1a", "chunk_A", "chunk_a", "chunk_abc", "chunk_1.temp", "part_0", "x.dcm",
        "chunk_ 1", "chunk_0x1", "chunk_+1", "chunk_zz", "CHUNK_1", "chunk_١", "complete",
        "chunk_99999999999999999999999",
      ] {
        try m.refuses(EINVAL, at: "\(upload.path)/\(name)", operation: "open|create") { Files.create($0) }
      }
      let path = "\(upload.path)/chunk_5"
      try Files.write("x", to: m["temp/processing/file"])
      try m.refuses(EPERM, at: path, operation: "mkdir") { mkdir($0, 0o777) }
      try m.refuses(EPERM, at: path, operation: "symlink") { symlink("x", $0) }
      try m.refuses(EPERM, at: path, operation: "link") { link(m["temp/processing/file"], $0) }
      try m.refuses(EPERM, at: path, operation: "mknod|mkfifo") { mkfifo($0, 0o666) }
      try upload.write([1], to: "chunk_0")
      try m.refuses(EPERM, at: path, operation: "link") { link(upload["chunk_0"], $0) }
      try m.refuses(EPERM, EXDEV, at: "temp/processing/linked", noted: false) { link(upload["chunk_0"], $0) }
    }
  }

  @Test("What split makes is joined in its order, through its widening after yz", .needs("split"))
  func letters() throws {
    try withMount { m in
      let content = Bytes.pattern(2 * 660 + 1, seed: 3)
      try Files.write(content, to: m.beside("whole"))
      let upload = try Upload(m)
      try m.sh("split -b 2 whole \"$M/\(upload.path)/chunk_\"")
      let names = try upload.names()
      #expect(names.contains("chunk_yz") && names.contains("chunk_zaaa") && !names.contains("chunk_za"))
      #expect(try upload.stats().chunks == 661)
      #expect(try upload.stats().missing == [])
      #expect(upload.mark(Self.target) == ErrnoName(0))
      try upload.expectComplete(Self.target, content, chunks: 661)
    }
  }

  @Test("split -d, with -a and with --additional numbers, is joined as well", .needs("split"))
  func digits() throws {
    try withMount { m in
      let content = Bytes.pattern(50_000, seed: 4)
      try Files.write(content, to: m.beside("whole"))
      for (index, options) in ["-d -a 3", "-d -a 1 -n 7", "-a 2", "--numeric-suffixes=0 -a 5"].enumerated() {
        let upload = try Upload(m, "s\(index)")
        let pieces = options.contains("-n") ? options : "-b 1000 \(options)"
        try m.sh("split \(pieces) whole \"$M/\(upload.path)/chunk_\"")
        let count = try upload.names().count
        #expect(upload.mark("temp/processing/\(index)") == ErrnoName(0), "\(options)")
        try upload.expectComplete("temp/processing/\(index)", content, chunks: count)
      }
    }
  }

  @Test("Letters are taken in any order, and a gap between them is seen")
  func letterGaps() throws {
    try withMount { m in
      let upload = try Upload(m)
      for (name, byte) in [("chunk_ba", 27), ("chunk_ac", 3), ("chunk_aa", 1)] as [(String, UInt8)] {
        try upload.write([byte], to: name)
      }
      let missing = try upload.stats().missing
      #expect(missing.count == 24 && missing.prefix(2) == [#""chunk_ab""#, #""chunk_ad""#], "\(missing)")
      #expect(missing.last == #""chunk_az""#)
      try upload.expectRefused(
        Self.target, ENODATA, says: "missing chunk_ab, chunk_ad, chunk_ae, chunk_af, chunk_ag, …")
    }
  }

  @Test("Writing a chunk again replaces it, whether longer, shorter or by rename")
  func replaced() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write(Bytes.pattern(1000), to: "chunk_0")
      try upload.write(Bytes.pattern(3000), to: "chunk_0")
      #expect(try upload.stats().bytes == 3000)
      try upload.write([7, 7], to: "chunk_0")
      #expect(try upload.stats().bytes == 2)
      try upload.write([8, 8, 8], to: ".chunk_0.new")
      #expect(errnoOf { rename(upload[".chunk_0.new"], upload["chunk_0"]) } == ErrnoName(0))
      let stats = try upload.stats()
      #expect(stats.bytes == 3 && stats.chunks == 1)
      #expect(upload.mark(Self.target) == ErrnoName(0))
      try upload.expectComplete(Self.target, [8, 8, 8], chunks: 1)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Chunks in random order and in parallel become the file they were cut from", .needs("python3", "sha256sum"))
  func parallel() throws {
    try withMount { m in
      let sample = Prerequisites.samples.flatMap { folder in
        Prerequisites.dicomFiles(in: folder).first { $0.contains("mammogram") }.map { "\(folder)/\($0)" }
      }
      if let sample {
        try m.sh("cp \(quoted(sample)) whole")
      } else {
        try Files.write(Dicom.mammogram(instance: 1, rows: 1500, columns: 1000), to: m.beside("whole"))
      }
      try m.python(
        #"""
        seed = random.randrange(1 << 32)
        print("seed", seed)
        data, session = get(D + "/whole"), M + "/temp/uploads/s1"
        os.mkdir(session)
        size = len(data) // 97 + 1
        chunks = [(i, data[i * size:(i + 1) * size]) for i in range((len(data) + size - 1) // size)]
        random.Random(seed).shuffle(chunks)
        children = []
        for worker in range(4):
            child = os.fork()
            if child == 0:
                for i, piece in chunks[worker::4]: put(f"{session}/chunk_{i}", piece)
                os._exit(0)
            children.append(child)
        for child in children: assert os.waitpid(child, 0)[1] == 0
        put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
        assert get(M + "/images/user-7/2026/11/a.dcm") == data, seed
        """#)
      try m.sh(
        """
        test "$(sha256sum < "$M/\(Self.target)")" = "$(sha256sum < whole)"
        test "$(sha256sum < "$R/\(Self.target)")" = "$(sha256sum < whole)"
        """)
      try m.expectStatsAsWalked()
    }
  }
}
