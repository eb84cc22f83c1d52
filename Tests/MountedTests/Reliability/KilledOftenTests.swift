import Testing

/// The server is killed again and again while many copy, upload, rename and delete.
@Suite("A server that is killed under load", .mounting, .needs("python3"), .timeLimit(.minutes(30)))
struct KilledOftenTests {
  /// Two kills in the short form; a hundred, which take nine minutes, in the long one.
  @Test("is missed by no client: no error, no wrong byte, no memory and no descriptor lost")
  func underLoad() throws {
    try withMount { m in
      let kills = Prerequisites.isLong ? 100 : 2
      let said = try m.python(Self.clients, ["KILLS": "\(kills)"], seconds: 60 + 10 * kills)
      print(said)
      try m.expectStatsAsWalked()
    }
  }

  private static let clients = #"""
    import threading
    kills = int(os.environ["KILLS"])
    seed = int(os.environ.get("MAMMOFS_SEED") or random.randrange(1 << 30))
    print("seed", seed, end=", ")
    over, failures, done = threading.Event(), [], [0] * 16

    def write(path, content):
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
        try:
            for start in range(0, len(content), 3000): os.write(fd, content[start:start + 3000])
        finally: os.close(fd)

    class Client:
        """Has a folder of its own, and knows what must be in it."""
        def __init__(self, number):
            self.number, self.random, self.have = number, random.Random(seed + number), {}
            self.folder = f"{M}/images/user-{number}/2026/11"
            os.makedirs(self.folder)
            os.mkdir(f"{M}/temp/processing/{number}")

        def any(self): return self.random.choice(list(self.have))

        def put(self):
            path, content = f"{self.folder}/{self.random.randrange(6)}", self.random.randbytes(self.random.randrange(1, 20000))
            write(path, content)
            self.have[path] = content

        def move(self):
            source, target = self.any(), f"{self.folder}/{self.random.randrange(6)}"
            os.rename(source, target)
            self.have[target] = self.have[source] if source == target else self.have.pop(source)

        def remove(self):
            path = self.any()
            os.unlink(path)
            del self.have[path]

        def folders(self):
            path = f"{M}/temp/processing/{self.number}/{self.random.randrange(3)}"
            os.mkdir(path)
            os.rename(path, path + "x")
            os.rmdir(path + "x")

        def check(self):
            path = self.any()
            assert get(path) == self.have[path], f"wrong bytes in {path}"
            names = sorted(os.path.basename(path) for path in self.have)
            assert sorted(os.listdir(self.folder)) == names, f"{os.listdir(self.folder)} are not {names}"

        def upload(self):
            session = f"{M}/temp/uploads/s{self.number}-{done[self.number]}"
            chunks = [self.random.randbytes(5000) for _ in range(3)]
            os.mkdir(session)
            for number, chunk in enumerate(chunks): write(f"{session}/chunk_{number}", chunk)
            path = f"{self.folder}/up{self.random.randrange(4)}"
            if path in self.have: os.unlink(path)
            write(f"{session}/.complete", path[len(M) + 1:].encode())
            self.have[path] = b"".join(chunks)
            # So that the store does not grow, and nothing with it.
            os.rmdir(session)

        def run(self):
            try:
                while not over.is_set():
                    steps = [self.put, self.put, self.folders, self.upload]
                    if self.have: steps += [self.move, self.remove, self.check, self.check]
                    step = self.random.choice(steps)
                    step()
                    done[self.number] += 1
                for path in list(self.have): assert get(path) == self.have[path], f"wrong bytes in {path}"
            except BaseException as error:
                failures.append(f"client {self.number}, {step.__name__}: {error!r}")

    def contend(number):
        """Several work on the same names: a file may be gone, and is never torn."""
        own, folder = random.Random(seed + number), M + "/images/user-shared/2026/11"
        try:
            while not over.is_set():
                path = f"{folder}/{own.randrange(5)}"
                try:
                    write(path, bytes([number]) * 5000)
                    if own.randrange(3) == 0: os.rename(path, f"{folder}/{own.randrange(5)}")
                    if own.randrange(3) == 0: os.unlink(path)
                except FileNotFoundError: pass
                done[number] += 1
        except BaseException as error:
            failures.append(f"client {number}: {error!r}")

    os.makedirs(M + "/images/user-shared/2026/11")
    threads = [threading.Thread(target=Client(number).run) for number in range(6)]
    threads += [threading.Thread(target=contend, args=(number,)) for number in range(6, 12)]
    for thread in threads: thread.start()

    def figures():
        status = open(f"/proc/{server()}/status").read()
        resident = int([line.split()[1] for line in status.split("\n") if line.startswith("VmRSS")][0])
        return resident, len(os.listdir(f"/proc/{server()}/fd"))

    pauses, first = [], None
    for kill in range(kills):
        # Three in ten seconds would be the end of the mount.
        time.sleep(random.uniform(5.05, 5.6))
        process, before, begin = server(), sum(done), time.monotonic()
        os.kill(process, signal.SIGKILL)
        assert poll(lambda: sum(done) > before + 20 or failures, 60), "nobody gets on"
        pauses.append(time.monotonic() - begin)
        assert server() != process
        if failures: break
        if kill == 1: first = figures()
    over.set()
    for thread in threads: thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a client hangs"
    assert not failures, failures
    last = figures()
    print(f"{sum(done)} operations, {len(pauses)} kills, longest pause {max(pauses) * 1000:.0f} ms, "
          f"KiB and descriptors {first} at first and {last} at last")
    assert last[0] < first[0] + 32768 and last[1] < first[1] + 64
    """#
}
