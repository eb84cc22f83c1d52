import Testing

/// What lies directly in the workspace goes whole or not at all.
@Suite("A cleanup of the workspace", .mounting, .timeLimit(.minutes(15)))
struct WorkspaceCleanupTests {
  /// A database of which all is two days old.
  private static let database = #"""
    w="$M/temp/processing"; mkdir -p "$w/db/base"; for i in 1 2 3; do echo "$i" > "$w/db/base/$i"; done; echo g > "$w/db/global"
    old() { find "$1" -exec touch -h -d '2 days ago' {} +; }
    old "$w/db"
    whole() { test "$(cat "$w/db/base/1" "$w/db/base/2" "$w/db/base/3" "$w/db/global" | tr -d '\n')" = 123g; }

    """#

  @Test("A repository in which one file was used lately stays whole, and goes whole", .needs("git"))
  func repository() throws {
    try withMount { m in
      try m.sh(
        #"""
        w="$M/temp/processing"; git init -q "$w/repo"; cd "$w/repo"
        echo x > a; git add a; git -c user.email=a@example.org -c user.name=a commit -qm a
        cd "$D"
        find "$w/repo" -exec touch -h -d '2 days ago' {} +
        touch "$w/repo/.git/index"
        test "$("$B" cleanup "$M" --dry-run | cut -d ' ' -f 1)" = 0
        test "$("$B" cleanup "$M" | cut -d ' ' -f 1)" = 0
        git -C "$w/repo" fsck 2>&1
        find "$w/repo" -exec touch -h -d '2 days ago' {} +
        files=$(find "$w/repo" ! -type d | wc -l)
        test "$("$B" cleanup "$M" --dry-run | cut -d ' ' -f 1)" = "$files"
        test "$("$B" cleanup "$M" | cut -d ' ' -f 1)" = "$files"
        test -z "$(ls -A "$w")"; test -z "$(find "$R/.mammofs/cleanup" -mindepth 2)"
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "What is only read is in use, also for who reads it again and again, and whatever the disk notes of it",
    .needs("mkfs.ext4", "losetup", "python3"), arguments: ["relatime", "noatime"])
  func read(option: String) throws {
    try withoutMount { m in
      try m.sh(
        #"""
        truncate -s 40M "$D/disk"; mkfs.ext4 -q -m 0 "$D/disk"; mount -o "loop,$OPTION" "$D/disk" "$R"
        """#, ["OPTION": option])
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try m.mount()
      try m.sh(Self.database + #"test "$(cat "$w/db/base/2")" = 2; "$B" cleanup "$M"; whole"#)
      // Read an hour after it was written, and not since, as far as the disk says.
      try m.python(
        #"""
        db, now = M + "/temp/processing/db", time.time()
        for where, _, files in os.walk(db):
            for name in files: os.utime(f"{where}/{name}", (now - 90_000, now - 90_000))
            os.utime(where, (now - 90_000, now - 90_000))
        assert get(db + "/base/2") == b"2\n"
        subprocess.run([os.environ["B"], "cleanup", M], check=True)
        assert get(db + "/base/3") == b"3\n"
        """#)
      try m.sh(
        #"""
        w="$M/temp/processing"; find "$w/db" -exec touch -h -d '2 days ago' {} +; "$B" cleanup "$M"; test ! -e "$w/db"
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A listing is no use; a file .keep keeps what it is in")
  func kept() throws {
    try withMount { m in
      try m.sh(
        Self.database + #"""
          touch "$w/db/base/.keep"; cp -a "$w/db" "$w/other"; rm "$w/other/base/.keep"; old "$w"
          ls -lR "$w" > list; find "$w" > list
          "$B" cleanup "$M"
          whole; test -e "$w/db/base/.keep"; test ! -e "$w/other"
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("One open file or folder keeps all of it, and so does a mapping", .needs("python3"))
  func open() throws {
    try withMount { m in
      try m.sh(Self.database)
      try m.python(
        #"""
        db, old = M + "/temp/processing/db", (1_600_000_000, 1_600_000_000)
        def clean():
            for where, _, files in os.walk(db):
                for name in files: os.utime(f"{where}/{name}", old)
                os.utime(where, old)
            subprocess.run([os.environ["B"], "cleanup", M], check=True)
            return not os.path.exists(db)
        for path in ["/base/2", "/base", ""]:
            held = os.open(db + path, os.O_RDONLY)
            assert not clean(), path
            os.close(held)
        file = os.open(db + "/base/2", os.O_RDWR)
        mapped = mmap.mmap(file, 2, mmap.MAP_SHARED)
        os.close(file)
        assert not clean()
        assert mapped[:] == b"2\n" and get(db + "/base/2") == b"2\n" and len(os.listdir(db + "/base")) == 3
        mapped.close()
        assert poll(clean)
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Whoever comes while it is cleaned up: it is there whole, or not at all", .needs("python3"))
  func allOrNothing() throws {
    try withMount { m in
      try m.python(
        #"""
        import threading
        work, old = M + "/temp/processing", (1_600_000_000, 1_600_000_000)
        stop, faults, kept = threading.Event(), [], [0, 0]
        def clean():
            while not stop.is_set():
                subprocess.run([os.environ["B"], "cleanup", M, "--older-than", "1"], check=True, stdout=subprocess.DEVNULL)
        def make(unit):
            os.mkdir(unit + ".new"); os.mkdir(unit + ".new/sub")
            for number in range(20): put(f"{unit}.new/sub/{number}", b"x")
            os.rename(unit + ".new", unit)
            for number in range(20): os.utime(f"{unit}/sub/{number}", old)
            for folder in [unit + "/sub", unit]: os.utime(folder, old)
        def use(unit):
            for _ in range(60):
                try: make(unit)
                except FileNotFoundError: pass
                try: folder = os.open(unit + "/sub", os.O_RDONLY | os.O_DIRECTORY)
                except FileNotFoundError: kept[1] += 1; continue
                try:
                    for number in range(20): os.close(os.open(str(number), os.O_RDONLY, dir_fd=folder))
                    kept[0] += 1
                except FileNotFoundError as error:
                    # It had been taken out just before: it comes back whole, or is gone.
                    def is_whole(): return not os.path.exists(unit) or len(os.listdir(unit + "/sub")) == 20
                    if not poll(is_whole): faults.append((unit, number, error))
                os.close(folder)
                shutil.rmtree(unit, ignore_errors=True)
        cleaner = threading.Thread(target=clean); cleaner.start()
        users = [threading.Thread(target=use, args=(f"{work}/unit-{n}",)) for n in range(3)]
        for user in users: user.start()
        for user in users: user.join()
        stop.set(); cleaner.join()
        assert not faults, faults[:3]
        assert kept[0] > 0, kept
        """#, seconds: 240)
      try m.sh("rm -rf \"$M\"/temp/processing/unit*; test -z \"$(find \"$R/.mammofs/cleanup\" -mindepth 2)\"")
      try m.expectStatsAsWalked()
    }
  }

  @Test("Each removal is a line in the log")
  func logged() throws {
    try withMount { m in
      try m.sh(
        Self.database + #"""
          echo x > "$w/alone"; old "$w/alone"; mkdir "$M/temp/uploads/s"; echo x > "$M/temp/uploads/s/chunk_0"; old "$M/temp/uploads/s"
          "$B" cleanup "$M" --dry-run; test "$(grep -c 'cleanup deleted' "$R/.mammofs/log")" = 0
          "$B" cleanup "$M"
          for path in temp/processing/db temp/processing/alone temp/uploads/s; do
            test "$(grep 'cleanup deleted' "$R/.mammofs/log" | grep -c "path=$path \[")" = 1
          done
          test "$(grep -c 'cleanup deleted' "$R/.mammofs/log")" = 3
          """#)
    }
  }

  @Test("What keeps one entry from going keeps what it is in, and not the rest")
  func obstacle() throws {
    try withMount { m in
      try m.sh(
        Self.database + #"""
          cp -a "$w/db" "$w/other"; old "$w/db"; mount -t tmpfs none "$R/temp/processing/db/base"
          trap 'umount "$R/temp/processing/db/base"' EXIT
          touch -d '2 days ago' "$R/temp/processing/db/base" "$R/temp/processing/db"
          fails "$B" cleanup "$M" 2> error; grep -q 'temp/processing/db: ' error
          test ! -e "$w/other"; test "$(cat "$w/db/global")" = g
          umount "$R/temp/processing/db/base"; trap - EXIT
          whole
          """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "A server that ends in a cleanup leaves all of a folder or nothing", .needs("python3", "strace"), arguments: [3, 5])
  func killed(unlink: Int) throws {
    try withMount { m in
      try m.sh(Self.database)
      try m.python(
        #"""
        db = M + "/temp/processing/db"
        tracer = killed_at("unlinkat", int(os.environ["N"]))
        first = server()
        subprocess.run([os.environ["B"], "cleanup", M], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert poll(lambda: server() != first, 20)
        tracer.wait()
        found = sorted(os.listdir(db)) if os.path.exists(db) else None
        assert found in (None, ["base", "global"]), found
        if found: assert sorted(os.listdir(db + "/base")) == ["1", "2", "3"]
        """#, ["N": "\(unlink)"])
      try m.sh("rm -rf \"$M/temp/processing/db\"")
      m.killServers()
      try m.mount()
      #expect(poll(seconds: 20) { (try? Files.names(in: m.stored(".mammofs/cleanup/deleting")))?.isEmpty ?? false })
      try m.expectStatsAsWalked()
    }
  }
}
