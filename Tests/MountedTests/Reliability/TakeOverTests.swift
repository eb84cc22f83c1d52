import Testing

/// A server that dies, hangs, or is replaced, while others have files open.
@Suite("When its server is gone a mount", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct TakeOverTests {
  @Test("goes on within a second: open files, files without a name, folders, chunks and markers")
  func openFiles() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        def kill():
            process, begin = server(), time.monotonic()
            os.kill(process, signal.SIGKILL)
            os.statvfs(M)
            assert time.monotonic() - begin < 1, time.monotonic() - begin
            assert server() != process
        image = os.open(month + "/a", os.O_CREAT | os.O_RDWR, 0o600)
        os.write(image, b"hello ")
        gone = os.open(M + "/temp/processing/gone", os.O_CREAT | os.O_RDWR)
        os.write(gone, b"still ")
        os.unlink(M + "/temp/processing/gone")
        os.makedirs(M + "/temp/uploads/s")
        chunk = os.open(M + "/temp/uploads/s/chunk_0", os.O_CREAT | os.O_RDWR)
        os.write(chunk, b"part ")
        os.mkdir(M + "/temp/processing/here")
        os.chdir(M + "/temp/processing/here")
        folder = os.open(month, os.O_RDONLY | os.O_DIRECTORY)
        kill()
        assert os.getcwd() == M + "/temp/processing/here" and os.listdir(".") == []
        assert os.listdir(folder) == ["a"]
        assert not os.path.exists(R + "/images/user-7/2026/11/a"), "a file that is being written is not published"
        os.write(image, b"world")
        assert os.pread(image, 99, 0) == b"hello world"
        os.write(gone, b"there")
        assert os.pread(gone, 99, 0) == b"still there" and os.fstat(gone).st_nlink == 0
        os.write(chunk, b"and more")
        os.close(image)
        assert get(R + "/images/user-7/2026/11/a") == b"hello world"
        os.close(chunk)
        marker = os.open(M + "/temp/uploads/s/.complete", os.O_CREAT | os.O_WRONLY)
        os.write(marker, b"images/user-7/2026/11/b")
        kill()
        os.close(marker)
        assert get(month + "/b") == b"part and more"
        os.close(gone)
        assert get(M + "/.errors") == b""
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("goes on with a file of which a write failed, and does not take it for whole", .needs("mkfs.ext4", "losetup"))
  func failedWrite() throws {
    try withoutMount { m in
      try m.sh(
        "truncate -s 24M \"$D/disk\"; mkfs.ext4 -q -m 0 \"$D/disk\"; mount -o loop \"$D/disk\" \"$R\"")
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try m.mount()
      try m.month()
      try m.python(
        #"""
        path = M + "/images/user-7/2026/11/a"
        file = os.open(path, os.O_CREAT | os.O_WRONLY)
        def fill():
            while True: os.write(file, bytes(1 << 20))
        refused(errno.ENOSPC, fill)
        process = server()
        os.kill(process, signal.SIGKILL)
        os.statvfs(M)
        assert server() != process
        refused(errno.ENOSPC, os.close, file)
        assert poll(lambda: not os.path.exists(path))
        assert not os.path.exists(R + "/images/user-7/2026/11/a")
        """#)
    }
  }

  @Test("goes on in a folder that is open and was removed")
  func removedFolder() throws {
    try withMount { m in
      try m.python(
        #"""
        path = M + "/temp/processing/x"
        os.mkdir(path)
        folder = os.open(path, os.O_RDONLY)
        os.rmdir(path)
        os.kill(server(), signal.SIGKILL)
        assert os.listdir(folder) == [] and os.fstat(folder).st_nlink == 0
        refused(errno.ENOENT, os.mkdir, f"/proc/self/fd/{folder}/y")
        """#)
    }
  }

  @Test("can still open what was replaced, for who was on the way to it", arguments: ["kill", "upgrade"])
  func replacedFile(how: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11/"
        put(month + "a", b"old")
        # It holds the kernel to the file as a look-up does that is followed by an open.
        held = os.open(month + "a", os.O_PATH)
        put(month + ".a.tmp", b"new")
        os.rename(month + ".a.tmp", month + "a")
        link = f"/proc/self/fd/{held}"
        for _ in range(2):
            assert get(link) == b"old" and get(month + "a") == b"new"
            assert os.stat(link).st_nlink == 0
            os.chmod(link, 0o640)
            process = server()
            if os.environ["HOW"] == "kill": os.kill(process, signal.SIGKILL)
            else: subprocess.run([os.environ["B"], "upgrade", M], check=True, capture_output=True, timeout=60)
            os.statvfs(M)
        def isKept():
            def leads(entry):
                try: return os.readlink(entry.path).endswith("/a (deleted)")
                except FileNotFoundError: return False
            return any(leads(entry) for entry in os.scandir(f"/proc/{server()}/fd"))
        assert isKept()
        if os.environ["HOW"] == "kill":
            # Its space is not held for long, whoever watches it.
            assert poll(lambda: not isKept(), 30) and os.stat(link).st_nlink == 0
        os.close(held)
        assert poll(lambda: not isKept())
        """#, ["HOW": how])
    }
  }

  @Test("is taken over by another program on purpose, and back")
  func upgrade() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        B = os.environ["B"]
        shutil.copy(B, D + "/mammofs")
        file = os.open(M + "/images/user-7/2026/11/a", os.O_CREAT | os.O_WRONLY)
        for number, program in enumerate([D + "/mammofs", os.path.realpath(B)]):
            os.write(file, b"%d" % number)
            before = server()
            said = subprocess.run([program, "upgrade", M], check=True, capture_output=True, text=True, timeout=60).stdout
            assert said == f"{M} is served by process {server()}, no longer by {before}\n", said
            assert os.readlink(f"/proc/{server()}/exe") == program
        os.close(file)
        assert get(R + "/images/user-7/2026/11/a") == b"01"
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("is refused to what is no mount")
  func upgradeOfNothing() throws {
    try withMount { m in
      try m.sh("fails \"$B\" upgrade \"$R\" 2> \"$D/said\"; grep -q 'no mammofs is mounted at' \"$D/said\"")
    }
  }

  @Test("gets another in the place of one that reads no requests")
  func hang() throws {
    try withMount("--watchdog", "1") { m in
      try m.python(
        #"""
        process = server()
        os.kill(process, signal.SIGSTOP)
        os.mkdir(M + "/temp/processing/x")
        assert server() != process
        assert b"reads no requests" in get(R + "/.mammofs/log")
        """#)
    }
  }

  @Test("is made anew where the kernel sends nothing again, and says so", .needs("clang"))
  func oldKernel() throws {
    try withoutMount { m in
      try m.python(
        #"""
        # What came with Linux 6.9, resending and passthrough (bits 39 and 37 of INIT's flags), is kept from the server.
        put(D + "/old.c", b"""
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <stdint.h>
            #include <string.h>
            #include <unistd.h>
            ssize_t read(int fd, void *buffer, size_t size) {
              ssize_t (*real)(int, void *, size_t) = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
              ssize_t got = real(fd, buffer, size);
              uint32_t words[15];
              if (got < 60) return got;
              memcpy(words, buffer, sizeof words);
              if (words[0] != got || words[1] != 26) return got;
              words[14] &= ~(1u << 7 | 1u << 5);
              memcpy(buffer, words, sizeof words);
              return got;
            }
            """)
        subprocess.run(["clang", "-shared", "-fPIC", "-o", D + "/old.so", D + "/old.c", "-ldl"], check=True)
        subprocess.run(
            [os.environ["B"], "mount", M, "--root", R], check=True, env=dict(os.environ, LD_PRELOAD=D + "/old.so"))
        os.makedirs(M + "/images/user-7/2026/11")
        put(M + "/images/user-7/2026/11/a", b"whole")
        cut = os.open(M + "/images/user-7/2026/11/b", os.O_CREAT | os.O_WRONLY)
        os.write(cut, b"half")
        process = server()
        os.kill(process, signal.SIGKILL)
        def answers():
            try: return get(M + "/images/user-7/2026/11/a") == b"whole"
            except OSError: return False
        assert poll(answers), get(R + "/.mammofs/log")
        assert server() != process
        assert b"the mount is made anew" in get(R + "/.mammofs/log")
        refused(errno.ENOTCONN, os.write, cut, b"more")
        assert os.listdir(M + "/images/user-7/2026/11") == ["a"]
        assert b" recover images/user-7/2026/11/b EIO " in get(M + "/.errors"), get(M + "/.errors")
        put(M + "/images/user-7/2026/11/c", b"new")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("is given up after three crashes in ten seconds, and says why")
  func giveUp() throws {
    try withMount { m in
      try m.python(
        #"""
        for _ in range(3):
            process = server()
            os.kill(process, signal.SIGKILL)
            assert poll(lambda: server() != process or not os.path.ismount(M))
        assert poll(lambda: " " + M + " " not in get("/proc/self/mounts").decode())
        said = b"is unmounted: the server ended 3 times in 10 seconds, the last time by signal 9"
        assert poll(lambda: said in get(R + "/.mammofs/log"))
        """#)
      #expect(poll(seconds: 10) { m.servers.isEmpty })
    }
  }

  @Test(
    "A marker whose last close could not be told by itself completes its session, although the server died in it",
    .needs("strace"))
  func markerClosedByExec() throws {
    try withMount { m in
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        put(session + "/chunk_0", b"0" * 30000)
        process = server()
        tracer = killed_at("renameat2")
        # exec closes what is not to be inherited, so that nobody is left to be asked.
        subprocess.run([sys.executable, "-c", """if True:
            import os, sys
            os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644)
            os.execv("/bin/true", ["true"])
            """, session + "/.complete"], check=True)
        assert poll(lambda: server() != process)
        tracer.wait()
        assert poll(lambda: '"complete"' in get(session + "/.stats").decode()), get(session + "/.stats")
        assert get(M + "/temp/processing/s") == b"0" * 30000
        """#)
    }
  }

  @Test(
    "A temporary file that was just to become an image has its name still, and becomes it", .needs("strace"),
    arguments: ["linkat", "fsetxattr"])
  func renameCutOff(call: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        put(month + "/.a.dcm.Ab12Cd", b"whole" * 10000)
        # Its release has been served by then.
        os.listdir(month)
        process = server()
        tracer = killed_at(os.environ["CALL"])
        os.rename(month + "/.a.dcm.Ab12Cd", month + "/a.dcm")
        assert server() != process
        tracer.wait()
        assert os.listdir(month) == ["a.dcm"] and get(month + "/a.dcm") == b"whole" * 10000
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#, ["CALL": call])
      try m.expectStatsAsWalked()
    }
  }

  @Test("What replaced a file that was being written hides behind it no longer", .needs("strace"))
  func replacedWhileWritten() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        writer = os.open(month + "/a.dcm", os.O_CREAT | os.O_WRONLY)
        os.write(writer, b"old")
        put(month + "/b.dcm", b"new" * 1000)
        killing = killed_at("unlinkat")
        os.rename(month + "/b.dcm", month + "/a.dcm")
        killing.wait()
        for root in (M, R): assert get(month.replace(M, root) + "/a.dcm") == b"new" * 1000
        os.write(writer, b"older")
        os.close(writer)
        for root in (M, R): assert get(month.replace(M, root) + "/a.dcm") == b"new" * 1000
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "A chunk that changes places with one being written keeps its bytes", .needs("strace"),
    arguments: ["chunk_1 chunk_2", "chunk_2 chunk_1"])
  func exchangedChunk(names: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        for index in range(2): put(f"{session}/chunk_{index}", bytes([index + 1]) * 65536)
        writer = os.open(session + "/chunk_2", os.O_CREAT | os.O_WRONLY)
        os.write(writer, b"x" * 65536)
        killing = killed_at("linkat")
        renameat2(*(f"{session}/{name}" for name in os.environ["NAMES"].split()), EXCHANGE)
        killing.wait()
        os.close(writer)
        put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
        image = get(R + "/images/user-7/2026/11/a.dcm")
        assert image == b"\x01" * 65536 + b"x" * 65536 + b"\x02" * 65536, {byte: image.count(byte) for byte in set(image)}
        """#, ["NAMES": names])
      try m.expectStatsAsWalked()
    }
  }

  @Test("Of two names that are exchanged while the server is killed, none is lost")
  func exchangeCutOff() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        put(month + "/a.dcm", b"image" * 1000)
        put(month + "/.work", b"work" * 1000)
        killing = killed_at("linkat")
        renameat2(month + "/a.dcm", month + "/.work", EXCHANGE)
        killing.wait()
        def look():
            assert get(month + "/a.dcm") == get(month.replace(M, R) + "/a.dcm") == b"work" * 1000
            assert get(month + "/.work") == b"image" * 1000
        look()
        crash()
        look()
        os.unlink(month + "/.work")
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A temporary file keeps its name also where the next server is killed, too, as it begins", .needs("strace"))
  func takeOverCutOff() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        put(month + "/.a.dcm.Ab12Cd", b"whole" * 10000)
        # Its release has been served by then.
        os.listdir(month)
        first = server()
        supervisor = int(open(f"/proc/{first}/stat").read().rsplit(")", 1)[1].split()[1])
        # Servers that come are held up as they begin to put the name back.
        delaying = traced(
            supervisor, "-o", D + "/calls", "-e", "trace=fsetxattr", "-e", "inject=fsetxattr:delay_enter=5s:when=1")
        killing = killed_at("linkat")
        renaming = subprocess.Popen(["mv", month + "/.a.dcm.Ab12Cd", month + "/a.dcm"])
        assert poll(lambda: server() != first and b"fsetxattr(" in get(D + "/calls"))
        killing.wait()
        second = server()
        os.kill(second, signal.SIGKILL)
        assert poll(lambda: server() != second)
        delaying.kill()
        delaying.wait()
        assert renaming.wait(20) == 0
        assert os.listdir(month) == ["a.dcm"] and get(month + "/a.dcm") == b"whole" * 10000
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "A file that was just replaced does not come back for having been open", .needs("strace"),
    arguments: ["rename", "complete"])
  func replaced(by: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        put(session + "/chunk_0", b"newer")
        os.listdir(session)
        process = server()
        # As the record of the file that is replaced is to go. Before it goes that of the one that is renamed.
        tracer = killed_at("unlinkat", 2 if os.environ["BY"] == "rename" else 1)
        put(month + "/a.dcm", b"old")
        reader = os.open(month + "/a.dcm", os.O_RDONLY)
        if os.environ["BY"] == "rename":
            put(month + "/b.dcm", b"newer")
            os.rename(month + "/b.dcm", month + "/a.dcm")
        else:
            put(session + "/.complete", b'{"path": "images/user-7/2026/11/a.dcm", "overwrite": true}')
        assert server() != process
        tracer.wait()
        assert get(month + "/a.dcm") == b"newer", get(month + "/a.dcm")
        assert os.listdir(month) == ["a.dcm"] and os.stat(month + "/a.dcm").st_size == 5
        assert os.pread(reader, 9, 0) == b"old" and os.fstat(reader).st_nlink == 0
        os.close(reader)
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#, ["BY": by])
      try m.expectStatsAsWalked()
      try m.remount()
      try m.python(
        #"""
        assert get(M + "/images/user-7/2026/11/a.dcm") == b"newer" and os.listdir(M + "/temp/processing") == []
        """#)
    }
  }

  @Test(
    "A file that was closed a moment ago is gone once it was deleted or replaced, although the server died as that was done",
    .needs("strace"), arguments: ["unlink", "rename"])
  func deleted(by: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        process = server()
        tracer = killed_at("unlinkat", 2)
        put(month + "/a.dcm", b"old")
        if os.environ["BY"] == "rename":
            put(month + "/b.dcm", b"newer")
            os.rename(month + "/b.dcm", month + "/a.dcm")
        else: os.unlink(month + "/a.dcm")
        assert server() != process
        tracer.wait()
        assert os.listdir(month) == (["a.dcm"] if os.environ["BY"] == "rename" else [])
        assert os.listdir(M + "/temp/processing") == []
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#, ["BY": by])
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "What was looked for in vain is found once an upload has become it, although the server died as that was done",
    .needs("strace"), arguments: ["write", "rename"])
  func lookedForBefore(by: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        marker = session + "/.complete"
        targets = ["images/user-7/2026/11/a.dcm", "images/user-8/2026/11/a.dcm"]
        for target in targets:
            os.mkdir(session)
            put(session + "/chunk_0", b"0" * 30000)
            put(session + "/.x", target.encode())
            assert not os.path.exists(M + "/" + target)
            process = server()
            # As the image's folder is to be brought onto the disk, after the note of what is being done and its name.
            tracer = killed_at("fsync", 3)
            if os.environ["BY"] == "write": put(marker, target.encode())
            else: os.rename(session + "/.x", marker)
            assert server() != process
            tracer.wait()
            assert get(M + "/" + target) == b"0" * 30000
            shutil.rmtree(session)
        """#, ["BY": by])
      try m.expectStatsAsWalked()
    }
  }

  @Test("Whoever reads a marker goes on, before and after its session is complete", arguments: ["kill", "upgrade"])
  func markerReader(by: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        put(session + "/chunk_0", b"whole")
        writer = os.open(session + "/.complete", os.O_CREAT | os.O_WRONLY)
        os.write(writer, b"images/user-7/2026/11/a.dcm")
        early = os.open(session + "/.complete", os.O_RDONLY)
        os.close(writer)
        late = os.open(session + "/.complete", os.O_RDONLY)
        result = get(session + "/.complete")
        assert b"storagePath" in result and os.read(late, 5) == result[:5]
        process = server()
        if os.environ["BY"] == "kill": os.kill(process, signal.SIGKILL)
        else: subprocess.run([os.environ["B"], "upgrade", M], check=True)
        assert poll(lambda: server() != process)
        assert os.read(late, 4096) == result[5:]
        assert os.read(early, 4096) == result
        """#, ["BY": by])
    }
  }

  @Test(
    "Whoever still reads a chunk of an upload that is complete gets its bytes or an error, never zeros",
    arguments: ["kept", "removed", "renewed"])
  func chunkOfCompleted(session state: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        for index in range(2): put(f"{session}/chunk_{index}", b"%d" % index * (4 << 20))
        reader = os.open(session + "/chunk_1", os.O_RDONLY)
        put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
        assert os.pread(reader, 10, 0) == b"1" * 10
        if os.environ["STATE"] != "kept": os.rmdir(session)
        if os.environ["STATE"] == "renewed":
            os.mkdir(session)
            for index in range(2): put(f"{session}/chunk_{index}", b"x" * (4 << 20))
        process = server()
        os.kill(process, signal.SIGKILL)
        os.statvfs(M)
        assert server() != process
        refused(errno.EIO, os.pread, reader, 10, 3 << 20)
        assert os.fstat(reader).st_size == 4 << 20
        os.close(reader)
        assert get(M + "/images/user-7/2026/11/a.dcm") == b"0" * (4 << 20) + b"1" * (4 << 20)
        """#, ["STATE": state])
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "A server that ended while it waited for the disk is followed when the disk has answered",
    .needs("mkfs.ext4", "losetup", "fsfreeze"))
  func slowDisk() throws {
    try withoutMount { m in
      try m.sh("truncate -s 64M \"$D/disk\"; mkfs.ext4 -q -m 0 \"$D/disk\"; mount -o loop \"$D/disk\" \"$R\"")
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try m.python(
        #"""
        # With its log elsewhere, or the supervisor, too, waited for the disk.
        foreground = subprocess.Popen(
            [os.environ["B"], "mount", M, "--root", R, "--foreground"], stderr=open(D + "/log", "w"))
        assert poll(lambda: os.path.exists(M + "/.stats"))
        month = M + "/images/user-7/2026/11"
        os.makedirs(month)
        put(month + "/.a.dcm.Ab12Cd", b"whole" * 10000)
        process = server()
        def parent(process): return int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[1])
        supervisor = parent(process)
        def states(process):
            for thread in os.listdir(f"/proc/{process}/task"):
                try: yield open(f"/proc/{process}/task/{thread}/stat").read().rsplit(")", 1)[1].split()[0]
                # One that has ended by now.
                except OSError: pass
        def successors():
            children = open(f"/proc/{supervisor}/task/{supervisor}/children").read().split()
            return [child for child in children if int(child) != process]
        subprocess.run(["fsfreeze", "--freeze", R], check=True)
        try:
            renaming = subprocess.Popen(["mv", month + "/.a.dcm.Ab12Cd", month + "/a.dcm"])
            assert poll(lambda: "D" in states(process))
            os.kill(process, signal.SIGKILL)
            assert poll(lambda: "Z" in states(process))
            assert not poll(successors, 2), successors()
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", R], check=True)
        assert renaming.wait(20) == 0
        assert os.listdir(month) == ["a.dcm"] and get(month + "/a.dcm") == b"whole" * 10000
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        subprocess.run([os.environ["B"], "unmount", M], check=True)
        assert foreground.wait(20) == 0
        """#)
    }
  }

  @Test(
    "A server that ended while it told the kernel of a change is followed at once, and leaves nothing", .needs("strace")
  )
  func telling() throws {
    try withMount { m in
      try m.python(
        #"""
        work = M + "/temp/processing"
        put(work + "/old")
        os.utime(work + "/old", (1, 1))
        process = server()
        def states():
            for thread in os.listdir(f"/proc/{process}/task"):
                try: yield open(f"/proc/{process}/task/{thread}/stat").read().rsplit(")", 1)[1].split()[0]
                # One that has ended by now.
                except OSError: pass
        # Whoever makes a folder has the one that it is in locked by the kernel until he is answered. Whoever tells the
        # kernel of a change in there waits for that, and cannot be killed meanwhile.
        tracer = traced(process, "-o", "/dev/null", "-e", "trace=mkdirat", "-e", "inject=mkdirat:delay_enter=60000000")
        making = subprocess.Popen(["mkdir", work + "/new"])
        assert poll(lambda: "t" in states())
        subprocess.run([os.environ["B"], "cleanup", M], check=True)
        assert poll(lambda: "D" in states())
        os.kill(process, signal.SIGKILL)
        # It would have the other thread wait on.
        tracer.kill()
        tracer.wait()
        assert making.wait(10) == 0
        assert server() != process
        assert os.listdir(work) == ["new"]
        assert poll(lambda: not os.path.exists(f"/proc/{process}")), "nobody has waited for the one that was left"
        assert get(M + "/.errors") == b"", get(M + "/.errors")
        """#)
    }
  }

  @Test(
    "An image that was being replaced when server and supervisor ended is under its name, whatever it was called before"
  )
  func displacedAfterRename() throws {
    try withMount { m in
      try m.python(
        #"""
        month = "/images/user-7/2026/11/"
        os.makedirs(M + month)
        put(M + month + "b.dcm", b"older")
        put(M + month + ".tmp", b"old")
        os.rename(M + month + ".tmp", M + month + "a.dcm")
        # Still on record by the name of before.
        os.rename(M + month + "a.dcm", M + month + "b.dcm")
        new = os.open(M + month + "new.dcm", os.O_CREAT | os.O_WRONLY)
        os.write(new, b"half")
        os.rename(M + month + "new.dcm", M + month + "b.dcm")
        process = kill_mount()
        assert poll(lambda: not os.path.exists(f"/proc/{process}"))
        subprocess.run([os.environ["B"], "mount", M, "--root", R], check=True)
        assert sorted(os.listdir(M + month)) == ["b.dcm"], os.listdir(M + month)
        assert get(M + month + "b.dcm") == b"old", get(M + month + "b.dcm")
        """#)
      try m.expectStatsAsWalked()
    }
  }
}
