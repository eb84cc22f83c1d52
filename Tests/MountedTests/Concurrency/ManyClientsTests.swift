import Glibc
import Testing

/// Many processes at once, each doing what is right for itself.
@Suite("Many clients at once", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct ManyClientsTests {
  /// Runs `work(number)` in so many processes; what fails in one fails the test.
  private static let processes = #"""
    def together(count, work):
        children = []
        for number in range(count):
            child = os.fork()
            if child == 0:
                try:
                    work(number)
                    os._exit(0)
                except BaseException as error:
                    print(f"client {number}: {error!r}", file=sys.stderr, flush=True)
                    os._exit(1)
            children.append(child)
        failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
        assert not failed, f"{len(failed)} of {count} clients failed"

    """# + "\n"

  private func inMount(_ script: String) throws {
    try withMount { m in
      try m.month()
      try m.python(Self.processes + script, seconds: 120)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Uploads side by side lose no chunk, and each marker's close returns with the image in place")
  func uploads() throws {
    try inMount(
      #"""
      def client(number):
          for upload in range(60):
              session, image = f"{M}/temp/uploads/s{number}-{upload}", f"images/user-{number}/2026/11/{upload}.dcm"
              os.mkdir(session)
              chunks = [os.urandom(1000 + index) for index in range(3)]
              for index, chunk in enumerate(chunks): put(f"{session}/chunk_{index}", chunk)
              put(session + "/.complete", image.encode())
              for root in (R, M): assert get(f"{root}/{image}") == b"".join(chunks), image

      together(6, client)
      """#)
  }

  @Test("A marker's close says what was refused although another session's marker is open")
  func refusedBeside() throws {
    try inMount(
      #"""
      for session in ("a", "b"):
          os.mkdir(f"{M}/temp/uploads/{session}")
          put(f"{M}/temp/uploads/{session}/chunk_0", b"x")
      put(M + "/temp/uploads/a/.complete", b"images/user-7/2026/11/a.dcm")
      reader = open(M + "/temp/uploads/a/.complete", "rb")
      marker = os.open(M + "/temp/uploads/b/.complete", os.O_CREAT | os.O_WRONLY)
      os.write(marker, b"images/user-7/2026/11/a.dcm")
      refused(errno.EEXIST, os.close, marker)
      """#)
  }

  @Test("An image is published at close although a file of the same name is open elsewhere, as its source is in cp")
  func namesake() throws {
    try inMount(
      #"""
      put(D + "/a.dcm", b"x")
      source = os.open(D + "/a.dcm", os.O_RDONLY)
      for number in range(50):
          image = "/images/user-7/2026/11/a.dcm"
          target = os.open(M + image, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
          os.write(target, b"x")
          os.close(target)
          assert get(R + image) == b"x", number
          os.unlink(M + image)
      """#)
  }

  @Test("Folders keep their files apart while the kernel forgets and learns them again")
  func forgotten() throws {
    try inMount(
      #"""
      def forgetting():
          while True:
              with open("/proc/sys/vm/drop_caches", "w") as file: file.write("2")

      forgetter = os.fork()
      if forgetter == 0: forgetting()

      def client(number):
          for user in range(100):
              folder = f"/images/user-{number}-{user}/2026/11"
              os.makedirs(M + folder)
              for image in range(3): put(f"{M}{folder}/{image}", f"{folder}/{image}".encode())

      try:
          together(6, client)
      finally:
          os.kill(forgetter, signal.SIGKILL)
          os.waitpid(forgetter, 0)
      for folder, _, files in os.walk(R + "/images"):
          for name in files: assert get(f"{folder}/{name}").decode() == f"{folder}/{name}"[len(R):]
      """#)
  }

  @Test("An image renamed while the last copies of its descriptor are closed is published under its new name")
  func renamedAtClose() throws {
    try inMount(
      #"""
      month = "/images/user-7/2026/11/"
      for number in range(500):
          file = os.open(M + month + "new", os.O_CREAT | os.O_WRONLY)
          os.write(file, b"x")
          child = os.fork()
          if child == 0: os._exit(0)
          os.close(file)
          os.rename(M + month + "new", M + month + f"{number}")
          os.waitpid(child, 0)
      missing = [n for n in range(500) if not poll(lambda: os.path.exists(R + month + f"{n}"), 2)]
      assert not missing, f"closed, shown, and not in the storage root: {missing}"
      """#)
  }

  @Test(
    "Who opens, writes, renames and removes the same few files sees no error that a plain folder does not give",
    arguments: ["temp/processing", "images/user-7/2026/11"])
  func sameFiles(folder: String) throws {
    try inMount(
      "folder = \(quoted("/" + folder + "/"))\n" + #"""
        def client(number):
            chance = random.Random(number)
            path = lambda: f"{M}{folder}f{chance.randrange(4)}"
            modes = (os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            end = time.monotonic() + 4
            while time.monotonic() < end:
                try:
                    step = chance.randrange(6)
                    if step < 3:
                        mode = chance.choice(modes)
                        file = os.open(path(), mode, 0o644)
                        if mode & os.O_RDWR: os.pwrite(file, b"x" * chance.randrange(5000), chance.randrange(5000))
                        os.pread(file, 5000, 0)
                        os.fstat(file)
                        os.close(file)
                    elif step == 3: os.unlink(path())
                    elif step == 4: os.rename(path(), path())
                    else: os.truncate(path(), chance.randrange(5000))
                except FileNotFoundError as error:
                    assert error.filename is not None, f"not from looking up a path: {error!r}"
                except FileExistsError:
                    assert step < 3, "a plain rename does not say that the target exists"

        together(16, client)
        """#)
  }

  @Test(
    "Who opens a name, or else makes it, is never told that there is none while others remove it",
    arguments: ["temp/processing", "images/user-7/2026/11"])
  func openedOrMade(folder: String) throws {
    try inMount(
      "path = M + \(quoted("/" + folder + "/a"))\n" + #"""
        end = time.monotonic() + 3
        def client(number):
            while time.monotonic() < end:
                if number == 0:
                    try: os.unlink(path)
                    except FileNotFoundError: pass
                else: os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o644))

        together(3, client)
        """#)
  }

  @Test("Of two that close the same new file at once, one close gives it its name")
  func closedTogether() throws {
    try inMount(
      #"""
      month = M + "/images/user-7/2026/11"
      for turn in range(100):
          path = f"{month}/{turn}.dcm"
          made, opened = os.pipe(), os.pipe()

          def client(number):
              if number == 0:
                  file = os.open(path, os.O_CREAT | os.O_WRONLY)
                  os.write(file, b"x")
                  os.write(made[1], b"x")
                  os.read(opened[0], 1)
              else:
                  os.read(made[0], 1)
                  file = os.open(path, os.O_WRONLY)
                  os.write(opened[1], b"x")
              os.close(file)

          together(2, client)
          assert os.path.exists(path.replace(M, R)), turn
          for end in made + opened: os.close(end)
      """#)
  }

  @Test("A file that is truncated while its last close is being dealt with is counted as it is", .needs("strace"))
  func truncatedAfterClose() throws {
    try withMount { m in
      try m.python(
        #"""
        import platform
        newfstatat = {"x86_64": "262", "aarch64": "79"}[platform.machine()]
        path = M + "/temp/processing/a"
        file = os.open(path, os.O_CREAT | os.O_RDWR)
        os.write(file, bytes(1000))
        threads = f"/proc/{server()}/task"
        def is_looking(thread):
            try: return get(f"{threads}/{thread}/syscall").decode().split()[0] == newfstatat
            except (FileNotFoundError, ProcessLookupError): return False
        # Of the thread that deals with the close: its second look is the release's, with the file's lock.
        tracer = traced(
            server(), "-o", D + "/calls", "-e", "trace=newfstatat,ftruncate", "-e",
            "inject=newfstatat:delay_enter=1s:when=2")
        os.close(file)
        assert poll(lambda: any(is_looking(thread) for thread in os.listdir(threads)))
        os.truncate(path, 5000)
        tracer.terminate(); tracer.wait()
        calls = get(D + "/calls").decode()
        assert calls.index("resumed") < calls.index("ftruncate"), calls
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "Who uses a file while others replace it always finds one, whole",
    arguments: [
      ("a file", "images/user-7/2026/11"), ("an open file", "images/user-7/2026/11"), ("a file", "temp/processing"),
      ("an upload", "images/user-7/2026/11"),
    ])
  func replaced(by what: String, folder: String) throws {
    try inMount(
      "what, folder = \(quoted(what)), \(quoted("/" + folder + "/"))\n" + #"""
        import json
        whole = [bytes([n]) * 20_000 for n in range(4)]
        for name in "ab": put(M + folder + name, whole[0])
        end = time.monotonic() + 5

        def replace(number, name, turn):
            if "file" in what:
                new = f"{M}{folder}.{number}.tmp"
                with open(new, "wb", 0) as file:
                    file.write(whole[number])
                    if what == "an open file": os.rename(new, M + folder + name)
                if what == "a file": os.rename(new, M + folder + name)
                return
            session = f"{M}/temp/uploads/s{number}-{turn}"
            os.mkdir(session)
            put(session + "/chunk_0", whole[number])
            put(session + "/.complete", json.dumps({"path": folder[1:] + name, "overwrite": True}).encode())

        def look(path, chance):
            step = chance.randrange(4)
            if step == 0: assert os.stat(path).st_size == 20_000
            elif step == 1: os.chmod(path, 0o644)
            elif step == 2: os.listxattr(path)
            else: assert get(path) in whole

        def client(number):
            chance = random.Random(number)
            turn = 0
            while time.monotonic() < end:
                turn += 1
                name = chance.choice("ab")
                if number < 3: replace(number, name, turn)
                else: look(M + folder + name, chance)

        together(8, client)
        """#)
  }
}
