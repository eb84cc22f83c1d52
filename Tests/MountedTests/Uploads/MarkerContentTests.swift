import Glibc
import Testing

/// What a marker can say.
@Suite("What a marker says", .mounting, .timeLimit(.minutes(15)))
struct MarkerContentTests {
  @Test(
    "A path is where the chunks go, in order; missing folders are made",
    arguments: [
      ("images/user-9/2025/03/a.dcm", "images/user-9/2025/03/a.dcm"),
      ("/images/user-9/2025/03/a.dcm\n", "images/user-9/2025/03/a.dcm"),
      ("  images/user-9/2025/03/IM000001\r\n", "images/user-9/2025/03/IM000001"),
      ("images/user-9/2025/03/with space and é.dcm", "images/user-9/2025/03/with space and é.dcm"),
      ("thumbnails/user-9/2025/03/a_thumb.jpg", "thumbnails/user-9/2025/03/a_thumb.jpg"),
      ("/temp/processing/a", "temp/processing/a"), ("temp/processing/a.dcm", "temp/processing/a.dcm"),
    ])
  func path(marker: String, target: String) throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      #expect(upload.mark(marker) == ErrnoName(0))
      try upload.expectComplete(target, whole, chunks: 3)
      if target.hasPrefix("images") {
        for folder in ["images/user-9", "images/user-9/2025", "images/user-9/2025/03"] {
          #expect(try Files.mode(m.stored(folder)) == 0o750)
        }
      }
      try m.expectStatsAsWalked()
      try m.remount()
      try upload.expectComplete(target, whole, chunks: 3)
    }
  }

  @Test("A path into folders of the workspace that are there")
  func workspaceFolder() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      try m.sh("mkdir -p \"$M/temp/processing/in/side\"")
      #expect(upload.mark("temp/processing/in/side/a") == ErrnoName(0))
      try upload.expectComplete("temp/processing/in/side/a", whole, chunks: 3)
    }
  }

  @Test("userId, imageId and extension file it under the present year and month, in local time")
  func filed() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      let before = try m.sh("date +%Y/%m")
      let marker = #"{"userId": "user-42", "imageId": "left cc", "extension": "dcm"}"#
      #expect(upload.mark(marker) == ErrnoName(0))
      let after = try m.sh("date +%Y/%m")
      let path = try upload.result().storagePath
      let possible = [before, after].map { "images/user-user-42/\($0)/left cc.dcm" }
      #expect(possible.contains(path), "filed as \(path)")
      try upload.expectComplete(path, whole, chunks: 3)
    }
  }

  @Test("JSON may check the count, the size and the digest", .needs("sha256sum"))
  func checked() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      let digest = try m.sh("cat \"$M/\(upload.path)\"/chunk_? | sha256sum | cut -d' ' -f1")
      let marker = """
        {"path": "/images/user-7/2026/11/a.dcm", "totalChunks": 3, "size": \(whole.count), "overwrite": false,
         "sha256": "\(digest)"}
        """
      #expect(upload.mark(marker) == ErrnoName(0))
      try upload.expectComplete("images/user-7/2026/11/a.dcm", whole, chunks: 3)
      #expect(try upload.result().sha256 == digest)
    }
  }

  @Test("A digest may be in capitals, and a marker may say more than is understood")
  func tolerant() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write([], to: "chunk_0")
      let digest = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
      let marker = #"{"path": "images/user-7/2026/11/a.dcm", "sha256": "\#(digest)", "comment": "left breast"}"#
      #expect(upload.mark(marker) == ErrnoName(0))
      try upload.expectComplete("images/user-7/2026/11/a.dcm", [], chunks: 1)
    }
  }

  @Test("overwrite replaces the image that is there, in one step")
  func overwrite() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("old", to: m["\(month)/a.dcm"])
      let reader = try Files.open(m["\(month)/a.dcm"], O_RDONLY)
      defer { Files.close(reader) }
      let upload = try Upload(m)
      let whole = try upload.fill()
      #expect(upload.mark(#"{"path": "\#(month)/a.dcm", "overwrite": true}"#) == ErrnoName(0))
      try upload.expectComplete("\(month)/a.dcm", whole, chunks: 3)
      #expect(try Files.read(from: reader) == Array("old".utf8))
      try m.expectStatsAsWalked()
    }
  }

  @Test("A close returns when the image is there, also where a child's close of a copy has begun it", .needs("python3"))
  func besideChild() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        for number in range(150):
            session = f"{M}/temp/uploads/s{number}"
            os.mkdir(session)
            put(session + "/chunk_0", b"image")
            marker = os.open(session + "/.complete", os.O_CREAT | os.O_WRONLY)
            child = os.fork()
            if child == 0:
                time.sleep(random.random() * 0.002)
                # Which closes its copy.
                os.execv("/bin/true", ["true"])
            os.write(marker, f"images/user-7/2026/11/{number}".encode())
            time.sleep(random.random() * 0.002)
            os.close(marker)
            assert get(f"{R}/images/user-7/2026/11/{number}") == b"image", number
            os.rmdir(session)
            os.waitpid(child, 0)
        """#)
    }
  }

  @Test("The finished image behaves as any other")
  func finished() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      #expect(upload.mark("images/user-7/2026/11/a.dcm") == ErrnoName(0))
      let image = m["images/user-7/2026/11/a.dcm"]
      #expect(try Files.stat(image).st_nlink == 1)
      #expect(try Files.stat(image).st_size == off_t(whole.count))
      try m.sh("echo more >> \(quoted(image)); mv \(quoted(image)) \(quoted(image)).2; cp \(quoted(image)).2 copy")
      #expect(try Files.read(m.beside("copy")) == whole + Array("more\n".utf8))
      try m.sh("rm \(quoted(image)).2; rm -r \"$M/\(upload.path)\"")
      let stats = try m.countedStats()
      #expect(stats.fileCount == 0 && stats.totalSize == 0)
      #expect(stats.sessions == Stats.Sessions(active: 0, completed: 0))
    }
  }
}
