import Glibc
import Testing

/// `mammofs upload`.
@Suite("mammofs upload", .mounting, .timeLimit(.minutes(15)))
struct UploadCommandTests {
  @Test("upload sends a file in chunks and completes it", .needs("sha256sum"))
  func complete() throws {
    try withMount { m in
      try Files.write(Bytes.pattern(5_000_001), to: m.beside("in.dcm"))
      let choices = ["", "--chunk-size 1M", "--chunk-size 300K --jobs 4", "--chunk-size 1G --jobs 1"]
      for (index, options) in choices.enumerated() {
        let target = "images/user-7/2026/11/\(index).dcm"
        try m.sh(
          """
          "$B" upload in.dcm "$M" --to \(target) \(options) > out 2> progress
          test "$(sha256sum < in.dcm)" = "$(sha256sum < "$M/\(target)")"
          cmp in.dcm "$R/\(target)"
          # A complaint is what a program would take it for.
          test ! -s progress
          """)
      }
      try m.sh(
        """
        : > empty
        "$B" upload empty "$M" --to temp/processing/empty
        test -f "$M/temp/processing/empty"
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test("An upload that is refused exits 1 with a sentence, and leaves nothing")
  func refused() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("in", to: m.beside("in.dcm"))
      try Files.write("old", to: m["\(month)/old.dcm"])
      for command in [
        "in.dcm \"$M\" --to \(month)/old.dcm", "in.dcm \"$M\" --to images/user-7/2026/13/a.dcm",
        "none.dcm \"$M\" --to \(month)/a.dcm", "in.dcm \"$D\" --to \(month)/a.dcm",
      ] {
        let outcome = try m.run("\"$B\" upload \(command)")
        #expect(outcome.status == 1, "\(command): \(outcome)")
        #expect(!outcome.errors.isEmpty && !outcome.errors.contains("Fatal"), "\(outcome)")
      }
      #expect(try Files.text(m["\(month)/old.dcm"]) == "old")
      #expect(try Files.names(in: m[month]) == ["old.dcm"])
      let sessions = try Files.names(in: m["temp/uploads"])
      #expect(sessions.isEmpty, "\(sessions)")
    }
  }

  @Test("A refused upload says what to do here, where nobody writes markers", .needs("sha256sum"))
  func advice() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("in", to: m.beside("in.dcm"))
      try Files.write("old", to: m["\(month)/old.dcm"])
      let upload = "\"$B\" upload in.dcm \"$M\" --to"
      let exists = try m.run("\(upload) \(month)/old.dcm 2>&1")
      #expect(exists.output.isOneLine && exists.output.contains("--overwrite"), "\(exists)")
      #expect(!exists.output.contains("marker") && !exists.output.contains("\\"), "\(exists)")
      let name = #"images/user-7/2026/13/"a\b".dcm"#
      let noPlace = try m.run("\(upload) '\(name)' 2>&1")
      #expect(noPlace.output.isOneLine && noPlace.output.contains("month must be 01 to 12"), "\(noPlace)")
      try m.sh("\(upload) \(month)/old.dcm --overwrite --sha256; cmp in.dcm \"$M/\(month)/old.dcm\"")
      try m.sh(#"\#(upload) 'images/user-7/2026/11/"a\b".dcm'; cmp in.dcm "$M/images/user-7/2026/11/\"a\\b\".dcm""#)
    }
  }

  @Test("A file that changes while it is sent is refused, and so is what only looks like a file", .needs("python3"))
  func changing() throws {
    try withMount { m in
      try m.python(
        #"""
        import threading
        def upload(path, *options):
            return subprocess.run(
                [os.environ["B"], "upload", path, M, "--to", "images/user-7/2026/11/a.dcm", *options],
                capture_output=True, text=True, timeout=60)
        def refuses(path, says, *options):
            done = upload(path, *options)
            assert done.returncode == 1 and says in done.stderr and done.stderr.count("\n") == 1, (path, done)
            assert not os.path.exists(M + "/images/user-7/2026/11/a.dcm"), path
            assert os.listdir(M + "/temp/uploads") == [], path
        def beside(change, says, *options):
            put(D + "/growing", b"x" * (40 << 20))
            stop = threading.Event()
            def run():
                while not stop.is_set(): change(D + "/growing")
            thread = threading.Thread(target=run); thread.start()
            try: refuses(D + "/growing", says, *options)
            finally: stop.set(); thread.join()
        def grow(path):
            with open(path, "ab") as file: file.write(b"more")
        def rewrite(path):
            with open(path, "r+b") as file: file.write(b"y")
        def cut(path):
            # One that is short from the beginning is no change.
            if os.listdir(M + "/temp/uploads"): os.truncate(path, 1000)
        beside(grow, "growing "); beside(grow, "growing ", "--sha256"); beside(rewrite, "was changed")
        beside(cut, "growing ", "--chunk-size", "1M")
        os.mkfifo(D + "/fifo"); os.symlink("fifo", D + "/link"); os.mkdir(D + "/folder")
        server = socket.socket(socket.AF_UNIX); server.bind(D + "/socket")
        for path, says in [
            ("/proc/version", "more than"), ("/proc/self/status", "more than"),
            ("/sys/kernel/mm/transparent_hugepage/enabled", "fewer than"),
            (D + "/fifo", "is a pipe"), (D + "/link", "is a pipe"), (D + "/folder", "is a folder"), ("/dev/null", "is a device"),
            (D + "/socket", "is a socket"),
        ]:
            if os.path.exists(path): refuses(path, says)
        put(D + "/good", b"whole")
        done = upload(D + "/good")
        assert done.returncode == 0 and get(M + "/images/user-7/2026/11/a.dcm") == b"whole", done
        """#)
    }
  }

  @Test("upload shows a bar on a terminal", .needs("script"))
  func progressBar() throws {
    try withMount { m in
      try Files.write(Bytes.pattern(3_000_000), to: m.beside("in.dcm"))
      let output = try m.sh(
        "script -qec \"\\\"$B\\\" upload in.dcm \\\"$M\\\" --to temp/processing/a --chunk-size 64K\" /dev/null")
      #expect(output.contains("%"), "\(output)")
      #expect(try Files.stat(m["temp/processing/a"]).st_size == 3_000_000)
    }
  }

  @Test("What can be known before is refused before anything is sent")
  func refusedEarly() throws {
    try withMount { m in
      let month = try m.month()
      // More than can be sent in a test.
      try m.sh("truncate -s 1T large; mkdir \"$M/temp/processing/folder\"; ln -s folder \"$M/temp/processing/link\"")
      try Files.write("old", to: m["\(month)/old.dcm"])
      for (target, says) in [
        ("\(month)/old.dcm", "--overwrite"), ("/\(month)/old.dcm", "--overwrite"),
        ("images/user-7/2026/13/a.dcm", "month must be 01 to 12"),
        ("elsewhere/a.dcm", "images, thumbnails and temp only"),
        ("temp/processing/../a", "'..'"), ("\(month)/.a", "no dot first"),
        ("temp/processing/folder --overwrite", "is a folder"), ("temp/processing/link/a", "link is no folder"),
        ("\(month)/a.dcm --chunk-size 100", "larger --chunk-size"),
      ] {
        let outcome = try m.run("\"$B\" upload large \"$M\" --to \(target)", seconds: 20)
        #expect(outcome.status == 1 && outcome.errors.isOneLine && !outcome.timedOut, "\(target): \(outcome)")
        #expect(outcome.errors.contains(says), "\(target): \(outcome)")
      }
      #expect(try Files.names(in: m["temp/uploads"]) == [])
    }
  }

  @Test("One that is interrupted takes away what it sent", arguments: ["INT", "TERM"])
  func interrupted(signal: String) throws {
    try withMount { m in
      let outcome = try m.run(
        #"""
        truncate -s 1T large
        "$B" upload large "$M" --to temp/processing/a --chunk-size 4M & pid=$!
        for n in $(seq 500); do
          if ls "$M"/temp/uploads/*/chunk_3 > /dev/null 2>&1; then break; fi
          sleep 0.02
        done
        ls "$M"/temp/uploads/*/chunk_3 > /dev/null || exit 9
        kill -\#(signal) $pid
        wait $pid
        """#)
      #expect(outcome.status == 1 && outcome.errors.isOneLine, "\(outcome)")
      #expect(outcome.errors.contains("interrupted; nothing of it is kept"), "\(outcome)")
      #expect(try Files.names(in: m["temp/uploads"]) == [])
      try m.expectStatsAsWalked()
    }
  }
}
