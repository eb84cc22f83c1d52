import Testing

/// `.stats` against a fresh walk of the storage root.
@Suite("The figures of .stats", .mounting, .needs("python3"), .serialized, .timeLimit(.minutes(20)))
struct StatsWalkTests {
  @Test("counts once a file that gets a second name while files are counted", .needs("strace"))
  func linkedMeanwhile() throws {
    try withMount { m in
      try m.python(
        #"""
        folders = [f"{M}/temp/processing/{number}" for number in range(60)]
        for folder in folders:
            os.mkdir(folder)
            put(folder + "/a", b"x" * 100)
        first = server()
        supervisor = int(open(f"/proc/{first}/stat").read().rsplit(")", 1)[1].split()[1])
        slow = traced(
            supervisor, "-o", "/dev/null", "-e", "trace=getdents64", "-e", "inject=getdents64:delay_enter=40ms")
        crash()
        # All along the count, which takes some five seconds.
        for index, folder in enumerate(folders):
            os.link(folder + "/a", f"{folders[(index + 30) % 60]}/b{index}")
            time.sleep(0.05)
        assert '"counting": true' in get(M + "/.stats").decode()
        assert poll(lambda: '"counting": true' not in get(M + "/.stats").decode(), 30)
        slow.terminate(); slow.wait()
        """#)
      try m.expectStatsAsWalked()
    }
  }

  private static let operations = Prerequisites.isLong ? 10_000 : 2_000

  @Test("They equal a walk after mixed operations of 8 processes, after a remount and after a crash")
  func mixed() throws {
    try withMount { m in
      let seed = try m.python(Self.mixedOperations, ["COUNT": "\(Self.operations)"], seconds: 600)
      try m.expectStatsAsWalked()
      try m.remount()
      try m.expectStatsAsWalked()
      // What is written after a crash and before the counting is done must be counted, too.
      m.killServers()
      try m.mount()
      try m.sh("for i in $(seq 50); do echo more > \"$M/temp/processing/more$i\"; done")
      let stats = try m.countedStats()
      #expect(stats.counting != true)
      try m.expectStatsAsWalked()
      let walk = try Walk(of: m.root)
      #expect(stats.fileCount == walk.images.count + walk.thumbnails.count + walk.temp.count, "seed \(seed)")
    }
  }

  @Test("They are counted where files were put into the storage root while nothing was mounted")
  func foundAtMount() throws {
    try withoutMount { m in
      try m.sh(
        """
        mkdir -p "$R/images/user-1/2020/01" "$R/thumbnails/user-2/2020/02" "$R/temp/processing/d" "$R/temp/uploads/s"
        for i in $(seq 20); do echo "$i" > "$R/images/user-1/2020/01/$i.dcm"; done
        echo t > "$R/thumbnails/user-2/2020/02/1_thumb.jpg"
        echo w > "$R/temp/processing/d/w"
        echo c > "$R/temp/uploads/s/chunk_0"
        """)
      try m.mount()
      try m.expectStatsAsWalked()
      let stats = try m.stats()
      #expect(stats.images.count == 20 && stats.thumbnails.count == 1 && stats.users == 2)
      #expect(stats.sessions.active == 1)
    }
  }

  /// Each worker has a user of its own and shares the workspace; what another worker took away is no error.
  private static let mixedOperations = #"""
    count, seed = int(os.environ["COUNT"]), random.randrange(1 << 32)
    print(seed)

    def work(worker):
        source = random.Random(seed + worker)
        months = [f"{M}/images/user-{worker}/2026/{m:02}" for m in (1, 2)]
        thumbs = f"{M}/thumbnails/user-{worker}/2026/01"
        shared = M + "/temp/processing"
        for folder in months + [thumbs]: os.makedirs(folder)
        number = 0

        def some(folder):
            names = [n for n in os.listdir(folder) if not n.startswith(".")]
            return f"{folder}/{source.choice(names)}" if names else f"{folder}/none"

        def data(): return bytes(source.randrange(20000))

        def upload():
            session = f"{M}/temp/uploads/w{worker}-{number}"
            os.mkdir(session)
            for i in range(source.randrange(1, 4)): put(f"{session}/chunk_{i}", data())
            end = source.randrange(4)
            if end == 0: shutil.rmtree(session)
            elif end == 1: put(session + "/.complete", f"{months[0][len(M):]}/up{number}.dcm".encode())
            elif end == 2: put(session + "/.complete", b"nonsense")

        def save():
            folder = source.choice(months)
            put(f"{folder}/.new{number}", data())
            os.rename(f"{folder}/.new{number}", f"{folder}/{source.randrange(40)}.dcm")

        def append():
            with open(some(source.choice(months)), "ab") as file: file.write(data())

        def hold():
            path = some(months[0])
            with open(path, "r+b") as file:
                os.unlink(path)
                file.write(data())

        steps = [
            lambda: put(f"{source.choice(months)}/{source.randrange(40)}.dcm", data()),
            save,
            append,
            hold,
            upload,
            lambda: put(f"{thumbs}/{source.randrange(20)}_thumb.jpg", data()),
            lambda: os.unlink(some(source.choice(months + [thumbs]))),
            lambda: os.truncate(some(source.choice(months)), source.randrange(30000)),
            lambda: os.rename(some(months[0]), f"{months[1]}/{source.randrange(40)}.dcm"),
            lambda: renameat2(some(months[0]), some(months[1]), EXCHANGE),
            lambda: os.rename(some(months[0]), f"{shared}/{source.randrange(60)}"),
            lambda: os.rename(some(shared), f"{months[1]}/{source.randrange(40)}.dcm"),
            lambda: put(f"{shared}/{source.randrange(60)}", data()),
            lambda: os.link(some(shared), f"{shared}/{source.randrange(60)}"),
            lambda: os.symlink("x", f"{shared}/{source.randrange(60)}"),
            lambda: os.unlink(some(shared)),
            lambda: os.makedirs(f"{shared}/d{worker}/{source.randrange(5)}", exist_ok=True),
            lambda: put(f"{shared}/d{worker}/{source.randrange(5)}/{source.randrange(5)}", data()),
            lambda: shutil.rmtree(f"{shared}/d{worker}"),
            lambda: os.rename(f"{shared}/d{worker}", f"{shared}/d{source.randrange(8)}"),
        ]
        # What two workers do to one name, and what the rules refuse.
        expected = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR, errno.EINVAL,
                    errno.EPERM, errno.EXDEV, errno.ELOOP}
        for number in range(count // 8):
            try:
                source.choice(steps)()
            except OSError as error:
                assert error.errno in expected, f"seed {seed}, worker {worker}, step {number}: {error}"

    children = []
    for worker in range(8):
        child = os.fork()
        if child == 0:
            try:
                work(worker)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children), f"seed {seed}"
    """#
}
