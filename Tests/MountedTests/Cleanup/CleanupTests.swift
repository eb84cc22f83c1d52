import Glibc
import Testing

/// Cleaning up what is idle under temp/.
@Suite("Cleanup", .mounting, .timeLimit(.minutes(15)))
struct CleanupTests {
  /// Two sessions and four files of the workspace, of which the named ones are two days old.
  private static let fill = #"""
    mkdir -p "$T/temp/uploads"/{old,mixed,fresh} "$T/temp/processing"/{olddir/inner,freshdir}
    for session in old mixed fresh; do
      echo 0 > "$T/temp/uploads/$session/chunk_0"; echo 1 > "$T/temp/uploads/$session/chunk_1"
    done
    echo x > "$T/temp/processing/old.dcm"; echo x > "$T/temp/processing/fresh.dcm"
    echo x > "$T/temp/processing/olddir/inner/old.dcm"; echo x > "$T/temp/processing/freshdir/fresh.dcm"
    mkdir -p "$T/images/user-7/2026/11"; echo x > "$T/images/user-7/2026/11/old.dcm"
    touch -d '2 days ago' "$T/temp/uploads/old"/* "$T/temp/uploads/mixed/chunk_0" "$T/temp/processing/old.dcm" \
      "$T/temp/processing/olddir/inner/old.dcm" "$T/images/user-7/2026/11/old.dcm"
    touch -d '2 days ago' "$T/temp/uploads/old" "$T/temp/uploads/mixed" "$T/temp/processing/olddir/inner" \
      "$T/temp/processing/olddir"
    """#

  private static let left = """
    images/user-7/2026/11/old.dcm
    temp/processing/fresh.dcm
    temp/processing/freshdir/fresh.dcm
    temp/uploads/fresh/chunk_0
    temp/uploads/fresh/chunk_1
    temp/uploads/mixed/chunk_0
    temp/uploads/mixed/chunk_1
    """

  private func expectLeft(_ m: MountedRoot, sourceLocation: SourceLocation = #_sourceLocation) throws {
    for folder in ["$M", "$R"] {
      let files = try m.sh(
        "cd \"\(folder)\" && find images temp -type f | LC_ALL=C sort", sourceLocation: sourceLocation)
      #expect(files == Self.left, "\(folder)", sourceLocation: sourceLocation)
    }
    #expect(!Files.exists(m["temp/uploads/old"]), "a session goes whole", sourceLocation: sourceLocation)
    #expect(!Files.exists(m["temp/processing/olddir"]), "empty folders go", sourceLocation: sourceLocation)
    #expect(Files.exists(m["temp/processing/freshdir"]), sourceLocation: sourceLocation)
    try m.expectStatsAsWalked(sourceLocation: sourceLocation)
  }

  @Test("Folders within folders, as deep as anybody makes them, are counted and go", .needs("python3"))
  func deep() throws {
    try withoutMount { m in
      try m.mount()
      try m.unmount()
      try m.python(
        #"""
        os.unlink(R + "/.mammofs/usage.json")
        os.chdir(R + "/temp/processing")
        for _ in range(18_000):
            os.mkdir("d")
            os.chdir("d")
        put("file", b"123")
        os.utime("file", (1_600_000_000, 1_600_000_000))
        for _ in range(18_000):
            os.utime(".", (1_600_000_000, 1_600_000_000))
            os.chdir("..")
        """#)
      try m.mount()
      try m.python(
        #"""
        first = server()
        try:
            assert poll(lambda: not os.path.exists(R + "/temp/processing/d"), 60)
            aside = R + "/.mammofs/cleanup"
            assert poll(lambda: os.listdir(aside + "/checking") + os.listdir(aside + "/deleting") == [], 60)
            assert os.listdir(M + "/temp/processing") == []
            assert poll(lambda: b"counting" not in get(M + "/.stats"), 30)
            assert server() == first
            assert get(M + "/.errors") == b"", get(M + "/.errors")
        finally:
            subprocess.run(["rm", "-rf", R + "/temp/processing/d"])
        """#, seconds: 120)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A file of the workspace that is open is in use, whoever else has closed it", .needs("python3"))
  func closedByChild() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        path, image = M + "/temp/processing/a", M + "/images/user-7/2026/11/a.dcm"
        file = os.open(path, os.O_CREAT | os.O_WRONLY)
        os.write(file, b"half")
        os.close(os.dup(file))
        os.utime(path, (1600000000, 1600000000))
        subprocess.run([os.environ["B"], "cleanup", M, "--older-than", "1"], check=True)
        assert os.path.exists(path)
        os.rename(path, image)
        assert not os.path.exists(image.replace(M, R))
        os.write(file, b", whole")
        os.close(file)
        assert get(image.replace(M, R)) == b"half, whole"
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("At mount, idle files and sessions go, and what is young or an image stays")
  func atMount() throws {
    try withoutMount { m in
      try m.sh(Self.fill, ["T": m.root])
      try m.mount()
      #expect(poll(seconds: 20) { !Files.exists(m["temp/uploads/old"]) && !Files.exists(m["temp/processing/old.dcm"]) })
      _ = poll(seconds: 10) { !Files.exists(m["temp/processing/olddir"]) }
      try expectLeft(m)
    }
  }

  @Test("On demand, with the count reported; a dry run only counts", arguments: [true, false])
  func onDemand(throughMount: Bool) throws {
    try withMount { m in
      try m.sh(Self.fill, ["T": m.mountPoint])
      if !throughMount { try m.unmount() }
      let path = throughMount ? "$M" : "$R"
      let before = try Walk(of: m.root)
      let planned = try m.sh("\"$B\" cleanup \"\(path)\" --dry-run")
      #expect(planned.contains("4"), "\(planned)")
      #expect(try Walk(of: m.root).temp == before.temp, "a dry run deleted something")
      let reported = try m.sh("\"$B\" cleanup \"\(path)\"")
      #expect(reported.contains("4"), "\(reported)")
      if !throughMount { try m.mount() }
      try expectLeft(m)
      #expect(try m.sh("\"$B\" cleanup \"$M\"").contains("0"))
    }
  }

  @Test("--older-than says how idle")
  func olderThan() throws {
    try withMount { m in
      try m.sh(
        """
        for hours in 1 5 30; do
          echo x > "$M/temp/processing/$hours"
          touch -d "$hours hours ago" "$M/temp/processing/$hours"
        done
        "$B" cleanup "$M" --older-than 100
        test "$(ls "$M/temp/processing" | wc -l)" = 3
        "$B" cleanup "$M" --older-than 3
        test "$(ls "$M/temp/processing")" = 1
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test("--temp-max-age of the mount is the age that counts at mount")
  func maxAge() throws {
    try withoutMount("--temp-max-age", "72") { m in
      try m.sh(
        """
        mkdir -p "$R/temp/processing"
        for days in 2 4; do
          echo x > "$R/temp/processing/$days"
          touch -d "$days days ago" "$R/temp/processing/$days"
        done
        """)
      try m.mount()
      #expect(poll(seconds: 20) { !Files.exists(m["temp/processing/4"]) })
      #expect(Files.exists(m["temp/processing/2"]))
    }
  }

  @Test("A session with an open handle is in use, and so is a file")
  func inUse() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write([1], to: "chunk_0")
      let reading = try Upload(m, "reading")
      try reading.write([1], to: "chunk_0")
      try Files.write("x", to: m["temp/processing/open"])
      let descriptors = try [
        Files.open(upload["chunk_1"], O_CREAT | O_WRONLY), Files.open(reading["chunk_0"], O_RDONLY),
        Files.open(m["temp/processing/open"], O_RDONLY),
      ]
      try m.sh(
        """
        find "$M/temp/uploads" "$M/temp/processing" -mindepth 1 -exec touch -d '2 days ago' {} +
        "$B" cleanup "$M"
        """)
      #expect(Files.exists(upload["chunk_0"]) && Files.exists(upload["chunk_1"]))
      #expect(Files.exists(reading["chunk_0"]))
      #expect(Files.exists(m["temp/processing/open"]))
      for descriptor in descriptors { Files.close(descriptor) }
      #expect(
        try poll(seconds: 10) {
          try m.sh("find \"$M/temp/uploads\" -exec touch -d '2 days ago' {} +; \"$B\" cleanup \"$M\"")
          return !Files.exists(m[upload.path]) && !Files.exists(m[reading.path])
            && !Files.exists(m["temp/processing/open"])
        })
      try m.expectStatsAsWalked()
    }
  }

  @Test("A session whose marker is being written is in use")
  func openMarker() throws {
    try withMount { m in
      try m.month()
      // A shell closes a duplicate of the marker before anything is written to it.
      try m.sh(
        """
        mkdir "$M/temp/uploads/s"; echo whole > "$M/temp/uploads/s/chunk_0"
        {
          touch -d '2 days ago' "$M/temp/uploads/s/chunk_0" "$M/temp/uploads/s"
          "$B" cleanup "$M" >&2
          printf images/user-7/2026/11/a
        } > "$M/temp/uploads/s/.complete"
        test "$(cat "$M/images/user-7/2026/11/a")" = whole
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Forgotten work names age like other temporary files, and images never do")
  func workNames() throws {
    try withMount { m in
      let month = try m.month()
      try m.sh(
        """
        echo x > "$M/\(month)/.a.dcm.Xy12Ab"; echo x > "$M/\(month)/.young"; echo x > "$M/\(month)/a.dcm"
        touch -d '2 days ago' "$M/\(month)/.a.dcm.Xy12Ab" "$M/\(month)/a.dcm"
        "$B" cleanup "$M"
        test ! -e "$M/\(month)/.a.dcm.Xy12Ab"
        test -e "$M/\(month)/.young"
        test -e "$M/\(month)/a.dcm"
        """)
    }
  }

  @Test("An odd entry does not stop the rest", .needs("python3"))
  func oddEntries() throws {
    try withoutMount { m in
      try m.sh("mkdir -p \"$R\"/temp/{uploads,processing}")
      try m.python(
        #"""
        work, uploads = os.fsencode(R) + b"/temp/processing/", os.fsencode(R) + b"/temp/uploads/"
        put(work + b"\xff\xfe bad"); put(work + b"new\nline"); os.symlink("/nowhere", work + b"link")
        os.mkfifo(work + b"fifo"); put(uploads + b"a file here"); os.mkdir(uploads + b"not a session")
        put(uploads + b"not a session/x"); os.symlink("/", uploads + b"out")
        put(work + b"zzz last")
        os.mkdir(uploads + b"old"); put(uploads + b"old/chunk_0"); put(uploads + b"old/odd name")
        for where, folders, files in os.walk(os.fsencode(R) + b"/temp", topdown=False):
            for name in folders + files:
                os.utime(os.path.join(where, name), (1, 1), follow_symlinks=False)
        """#)
      try m.mount()
      #expect(
        poll(seconds: 20) {
          !Files.exists(m.stored("temp/processing/zzz last")) && !Files.exists(m.stored("temp/uploads/old/chunk_0"))
        })
      #expect(Files.exists("/etc/passwd") && Files.exists("/nowhere") == false)
      #expect(try m.stats().totalSize >= 0, "the mount answers")
    }
  }

  @Test("A link inside the workspace is removed, what it leads to is not")
  func links() throws {
    try withMount { m in
      let month = try m.month()
      try m.sh(
        """
        echo x > outside; echo x > "$M/\(month)/a.dcm"
        touch -d '2 days ago' outside "$M/\(month)/a.dcm"
        mkdir folder; touch -d '2 days ago' folder
        ln -s "$D/outside" "$M/temp/processing/l1"; ln -s "$D/folder" "$M/temp/processing/l2"
        touch -h -d '2 days ago' "$M/temp/processing"/l?
        "$B" cleanup "$M"
        test -f outside && test -d folder && test -f "$M/\(month)/a.dcm"
        test -z "$(ls "$M/temp/processing")"
        """)
    }
  }
}
