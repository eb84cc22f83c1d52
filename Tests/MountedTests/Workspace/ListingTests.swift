import Testing

/// Reading folders, while they change, too.
@Suite("Listing folders", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct ListingTests {
  static let places = ["images/user-7/2026/11", "temp/processing"]

  @Test("10,000 entries are listed once each", arguments: places)
  func many(place: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        here = M + "/" + os.environ["P"] + "/"
        names = {f"entry {i:05}.dcm" for i in range(10000)}
        for name in names: os.close(os.open(here + name, os.O_CREAT | os.O_WRONLY))
        for _ in range(2):
            found = os.listdir(here)
            assert len(found) == len(names) and set(found) == names
            with os.scandir(here) as entries:
                kinds = [(e.name, e.is_file(follow_symlinks=False), e.inode()) for e in entries]
            assert len(kinds) == 10000 and all(k[1] for k in kinds) and len({k[2] for k in kinds}) == 10000
        assert len(os.listdir(R + "/" + os.environ["P"])) == 10000
        """#, ["P": place], seconds: 150)
      let count = try m.sh("ls -f \"$M/\(place)\" | wc -l; find \"$M/\(place)\" -type f | wc -l")
      #expect(count == "10002\n10000")
      try m.remount()
      #expect(try m.sh("ls -l \"$M/\(place)\" | grep -c entry") == "10000")
      try m.sh("rm -r \"$M/\(place)\"/*", seconds: 100)
      #expect(try m.sh("ls -A \"$M/\(place)\"") == "")
    }
  }

  @Test("What stays is listed while other names come and go", arguments: places)
  func changing(place: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        here = M + "/" + os.environ["P"] + "/"
        for i in range(1000): put(f"{here}stay{i}"); put(f"{here}go{i}")
        stays = {f"stay{i}" for i in range(1000)}
        seen, gone = [], 0
        with os.scandir(here) as entries:
            for number, entry in enumerate(entries):
                seen.append(entry.name)
                if entry.name.startswith("go"): os.unlink(entry.path); gone += 1
                if number % 10 == 0: put(f"{here}new{number}")
        assert stays <= set(seen), "a name that stayed was missed"
        assert len(seen) == len(set(seen)), "a name was listed twice"
        assert gone == 1000, gone
        assert stays <= set(os.listdir(here))
        """#, ["P": place])
      try m.expectStatsAsWalked()
    }
  }

  @Test("telldir and seekdir come back to where they were, in a fresh handle as well", arguments: places)
  func seeking(place: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        class Entry(ctypes.Structure):
            _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("len", ctypes.c_uint16),
                        ("type", ctypes.c_uint8), ("name", ctypes.c_char * 256)]
        libc.opendir.restype = ctypes.c_void_p
        libc.readdir.restype = ctypes.POINTER(Entry)
        libc.readdir.argtypes = libc.closedir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
        libc.telldir.restype = ctypes.c_long; libc.telldir.argtypes = [ctypes.c_void_p]
        libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
        here = M + "/" + os.environ["P"] + "/"
        for i in range(700): put(f"{here}n{i}")

        def rest(stream):
            names = []
            while True:
                entry = libc.readdir(stream)
                if not entry: return names
                names.append(entry.contents.name)

        stream = libc.opendir(here.encode())
        order, places = [], []
        while True:
            places.append(libc.telldir(stream))
            entry = libc.readdir(stream)
            if not entry: break
            order.append(entry.contents.name)
        assert len(order) == 702 and len(set(order)) == 702
        for start in (0, 1, 2, 350, 699, 701, 702):
            libc.seekdir(stream, places[start])
            assert rest(stream) == order[start:], start
        libc.rewinddir(stream)
        assert rest(stream) == order
        # Where a handle got to is good for another one, with names gone meanwhile.
        for name in order[:100]:
            if name not in (b".", b".."): os.unlink(here.encode() + name)
        for target in (stream, libc.opendir(here.encode())):
            libc.seekdir(target, places[350])
            assert rest(target) == order[350:]
            libc.closedir(target)
        """#, ["P": place])
    }
  }

  @Test("Entries have the type and the inode that stat tells")
  func types() throws {
    try withMount { m in
      try m.month()
      _ = try Upload(m)
      try m.python(
        #"""
        w = M + "/temp/processing/"
        put(w + "file"); os.mkdir(w + "folder"); os.symlink("x", w + "link"); os.mkfifo(w + "fifo")
        put(M + "/images/user-7/2026/11/.work")
        put(M + "/temp/uploads/s1/chunk_0", b"x")
        checked = 0
        for where, _, _ in os.walk(M):
            with os.scandir(where) as entries:
                for entry in entries:
                    found = os.lstat(entry.path)
                    assert entry.is_dir(follow_symlinks=False) == stat.S_ISDIR(found.st_mode), entry.path
                    assert entry.is_symlink() == stat.S_ISLNK(found.st_mode), entry.path
                    if not entry.name.startswith("."): assert entry.inode() == found.st_ino, entry.path
                    checked += 1
        assert checked > 14, checked
        """#)
    }
  }

  @Test("Two programs that make one name agree on who was first")
  func exclusive() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11/"
        children = []
        for worker in range(4):
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                won = 0
                for i in range(200):
                    try:
                        os.close(os.open(f"{month}{i}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                        won += 1
                    except FileExistsError: pass
                os.write(write, str(won).encode())
                os._exit(0)
            os.close(write)
            children.append((child, read))
        won = 0
        for child, read in children:
            assert os.waitpid(child, 0)[1] == 0
            won += int(os.read(read, 99))
        assert won == 200 and len(os.listdir(month)) == 200, won
        """#)
      try m.expectStatsAsWalked()
    }
  }
}
