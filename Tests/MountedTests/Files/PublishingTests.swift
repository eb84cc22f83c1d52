import Glibc
import Testing

/// When a file that is being written takes its final name in the storage root.
@Suite("A file being written", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct PublishingTests {
  @Test(
    "It exists in the mount from open on, and in the storage root from its last close on",
    arguments: ["images/user-7/2026/11/a.dcm", "thumbnails/user-7/2026/11/a_thumb.jpg", "temp/uploads/s/chunk_0"])
  func lastClose(path: String) throws {
    try withMount { m in
      try m.sh("mkdir -p \"$M/$(dirname \(path))\"")
      try m.python(
        #"""
        path, stored = M + "/" + os.environ["F"], R + "/" + os.environ["F"]
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        assert os.path.exists(path) and os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
        assert not os.path.exists(stored), "its name is there before it is whole"
        os.write(fd, b"one")
        assert os.stat(path).st_size == 3 and get(path) == b"one"
        other = os.dup(fd)
        os.close(fd)
        assert not os.path.exists(stored), "published while a duplicate can write"
        os.write(other, b" two")
        os.close(other)
        assert os.path.exists(stored), "close returned and the name is not there"
        assert get(path) == b"one two" and os.stat(path).st_nlink == 1
        # A chunk's bytes are where they will stay.
        if "uploads" in path: assert get(R + "/.mammofs/uploads/s") == b"one two" and os.stat(stored).st_size == 7
        else: assert get(stored) == b"one two"
        """#, ["F": path])
      try m.expectStatsAsWalked()
    }
  }

  @Test("A duplicate delays it wherever it is: in a place taken before, in a new one, beside many, with a thread")
  func duplicates() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        import threading
        folder, stored = (base + "/images/user-7/2026/11/" for base in (M, R))
        def make(name):
            fd = os.open(folder + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            os.write(fd, b"x")
            return fd
        def once(name, duplicate):
            fd = make(name)
            other = duplicate(fd)
            os.close(fd)
            assert not os.path.exists(stored + name), name + " is published while a duplicate can write"
            os.close(other)
            assert os.path.exists(stored + name), name + " is closed and not published"
        def plain(name):
            os.close(make(name))
            assert os.path.exists(stored + name), name
        low, high = os.open("/dev/null", os.O_RDONLY), os.dup2(0, 500)
        for round in range(3):
            tag = str(round)
            plain("a" + tag)
            once("low" + tag, lambda fd: os.dup2(fd, low))
            low = os.open("/dev/null", os.O_RDONLY)
            plain("b" + tag)
            once("high" + tag, lambda fd: os.dup2(fd, 500))
            once("new" + tag, lambda fd: os.dup2(fd, 700 + round))
            high = os.dup2(0, 500)
        many = [os.open("/dev/null", os.O_RDONLY) for _ in range(100)]
        plain("c")
        once("many", lambda fd: os.dup2(fd, many[50]))
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        plain("d")
        once("threaded", os.dup)
        done.set()
        thread.join()
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("fsync publishes it earlier, and later writes follow")
  func synchronised() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        for name, sync in (("a.dcm", os.fsync), ("b.dcm", os.fdatasync)):
            path, stored = (base + "/images/user-7/2026/11/" + name for base in (M, R))
            fd = os.open(path, os.O_CREAT | os.O_WRONLY)
            os.write(fd, b"one")
            assert not os.path.exists(stored)
            sync(fd)
            assert get(stored) == b"one", name
            os.write(fd, b" two")
            os.close(fd)
            assert get(stored) == b"one two" and get(path) == b"one two"
        """#)
    }
  }

  @Test("A child that holds it open keeps it from being published, until the child is done")
  func heldByChild() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        path, stored = (base + "/images/user-7/2026/11/a.dcm" for base in (M, R))
        read, write = os.pipe()
        fd = os.open(path, os.O_CREAT | os.O_WRONLY)
        os.write(fd, b"parent ")
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)
            os.write(fd, b"child")
            os._exit(0)
        os.close(read)
        os.close(fd)
        assert not os.path.exists(stored), "published while a child can write"
        assert get(path) == b"parent "
        os.write(write, b"x")
        os.waitpid(child, 0)
        assert poll(lambda: os.path.exists(stored)), "never published"
        assert get(stored) == b"parent child" and get(path) == b"parent child"
        """#)
    }
  }

  @Test("A redirection of several commands is one file")
  func redirections() throws {
    try withMount { m in
      let month = try m.month()
      try m.sh(
        """
        cd "$M/\(month)"
        (printf 'a'; /bin/echo b; cat /dev/null; /bin/echo c) > one.dcm
        test "$(cat "$R/\(month)/one.dcm")" = "$(printf 'ab\\nc')"
        { /bin/true; /bin/echo late; } > two.dcm
        test "$(cat "$R/\(month)/two.dcm")" = late
        exec 5> three.dcm
        /bin/echo x >&5
        test ! -e "$R/\(month)/three.dcm"
        /bin/echo y >&5
        exec 5>&-
        test "$(cat "$R/\(month)/three.dcm")" = "$(printf 'x\\ny')"
        /bin/echo z >> three.dcm
        test "$(wc -l < "$R/\(month)/three.dcm")" = 3
        : > empty.dcm
        test -f "$R/\(month)/empty.dcm"
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A writer that is killed loses nothing that it wrote, and leaves no half file for ever")
  func killedWriter() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        path, stored = (base + "/images/user-7/2026/11/a.dcm" for base in (M, R))
        child = os.fork()
        if child == 0:
            fd = os.open(path, os.O_CREAT | os.O_WRONLY)
            os.write(fd, b"half of it")
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        def kept():
            for folder in (M + "/images", M + "/temp"):
                for where, _, names in os.walk(folder):
                    if any(get(os.path.join(where, n)) == b"half of it" for n in names): return True
        assert poll(kept), "what the killed writer wrote is lost"
        """#)
    }
  }

  @Test("A server that is killed leaves no half file under a final name, and what was written is found again")
  func killedServer() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("whole", to: m["\(month)/whole.dcm"])
      let descriptor = try Files.open(m["\(month)/half.dcm"], O_CREAT | O_WRONLY)
      try Files.write(Array("cut off".utf8), to: descriptor)
      m.killServers()
      Files.close(descriptor)
      #expect(!Files.exists(m.stored("\(month)/half.dcm")))
      try m.mount()
      #expect(try Files.names(in: m[month]) == ["whole.dcm"])
      #expect(try Files.text(m["\(month)/whole.dcm"]) == "whole")
      let found = try m.sh("grep -rlx 'cut off' \"$M/temp\" || true")
      #expect(!found.isEmpty, "what was cut off is lost")
      try m.expectStatsAsWalked()
    }
  }

  @Test("An existing file is changed in place")
  func inPlace() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        path, stored = (base + "/images/user-7/2026/11/a.dcm" for base in (M, R))
        put(path, b"0123456789")
        inode = os.stat(path).st_ino
        fd = os.open(path, os.O_WRONLY)
        os.pwrite(fd, b"AB", 3)
        assert get(path) == b"012AB56789" and get(stored) == b"012AB56789"
        os.close(fd)
        assert os.stat(path).st_ino == inode
        with open(path, "ab") as file: file.write(b"!")
        assert get(path) == b"012AB56789!"
        put(path, b"short")
        assert get(stored) == b"short" and os.stat(path).st_size == 5 and os.stat(path).st_ino == inode
        os.truncate(path, 2)
        assert get(path) == b"sh"
        os.truncate(path, 4)
        assert get(path) == b"sh\0\0"
        refused(errno.EEXIST, os.open, path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        refused(errno.ENOENT, os.open, path + ".none", os.O_WRONLY)
        refused(errno.ENOTDIR, os.open, path + "/x", os.O_RDONLY)
        refused((errno.EISDIR, errno.EEXIST), os.open, os.path.dirname(path), os.O_WRONLY)
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A file that is unlinked before its last close never appears")
  func unlinkedEarly() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        path, stored = (base + "/images/user-7/2026/11/a.dcm" for base in (M, R))
        fd = os.open(path, os.O_CREAT | os.O_RDWR)
        os.write(fd, b"gone")
        os.unlink(path)
        assert not os.path.exists(path)
        os.write(fd, b" but there")
        assert os.pread(fd, 99, 0) == b"gone but there"
        put(path, b"another")
        os.fsync(fd)
        os.close(fd)
        assert get(path) == b"another" and get(stored) == b"another"
        assert os.listdir(os.path.dirname(path)) == ["a.dcm"]
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Renamed while open, later writes follow it; the name it had is free")
  func renamedWhileOpen() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month, stored = (base + "/images/user-7/2026/11/" for base in (M, R))
        fd = os.open(month + "a.dcm", os.O_CREAT | os.O_RDWR)
        os.write(fd, b"one")
        os.rename(month + "a.dcm", month + "b.dcm")
        assert not os.path.exists(month + "a.dcm") and get(month + "b.dcm") == b"one"
        os.write(fd, b" two")
        put(month + "a.dcm", b"other")
        os.close(fd)
        assert get(month + "b.dcm") == b"one two" and get(month + "a.dcm") == b"other"
        assert poll(lambda: os.path.exists(stored + "b.dcm"))
        assert get(stored + "b.dcm") == b"one two" and get(stored + "a.dcm") == b"other"
        fd = os.open(month + "b.dcm", os.O_WRONLY | os.O_APPEND)
        os.rename(month + "b.dcm", month + "a.dcm")
        os.write(fd, b" three")
        os.close(fd)
        assert get(stored + "a.dcm") == b"one two three"
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Many processes write files of their own at the same time")
  func parallel() throws {
    try withMount { m in
      let month = try m.month()
      try m.sh(
        """
        for worker in 1 2 3 4; do
          (for i in $(seq 50); do echo "$worker $i" > "$M/\(month)/$worker-$i.dcm"; done) &
        done
        for job in $(jobs -p); do wait "$job"; done
        test "$(ls "$M/\(month)" | wc -l)" = 200
        test "$(cat "$R/\(month)"/* | sort -u | wc -l)" = 200
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test(
    "A file that is moved in while it is written is not whole, also where its opener has gone",
    arguments: ["process", "thread"])
  func openerGone(who: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        import threading
        source, image = M + "/temp/processing/a", M + "/images/user-7/2026/11/a.dcm"
        go, done = os.pipe(), os.pipe()
        def begin():
            global file
            file = os.open(source, os.O_CREAT | os.O_WRONLY)
            os.write(file, b"x" * 1000)
        def goOn():
            os.read(go[0], 1)
            os.write(file, b"y" * 1000)
            os.close(file)
        if os.environ["WHO"] == "thread":
            opener = threading.Thread(target=begin)
            opener.start(); opener.join()
            writer = threading.Thread(target=goOn)
            writer.start()
        else:
            if os.fork() == 0:
                begin()
                if os.fork() == 0:
                    os.close(go[1])
                    goOn()
                    os.write(done[1], b"!")
                os._exit(0)
            os.wait()
        os.rename(source, image)
        assert not os.path.exists(image.replace(M, R)), "half a file under its final name"
        os.write(go[1], b"!")
        if os.environ["WHO"] == "thread": writer.join()
        else: os.read(done[0], 1)
        assert poll(lambda: os.path.exists(image.replace(M, R)))
        assert get(image.replace(M, R)) == b"x" * 1000 + b"y" * 1000
        """#, ["WHO": who])
      try m.expectStatsAsWalked()
    }
  }
}
