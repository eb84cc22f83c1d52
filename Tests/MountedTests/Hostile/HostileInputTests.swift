import Glibc
import Testing

/// What a client may send: it is refused or served, and the server lives.
@Suite("Hostile input", .mounting, .needs("python3"), .timeLimit(.minutes(30)))
struct HostileInputTests {
  @Test("Markers that lead out of the tree are refused, and nothing is made anywhere")
  func traversal() throws {
    try withMount { m in
      try m.python(
        #"""
        import json
        os.makedirs(M + "/temp/uploads/S")
        put(M + "/temp/uploads/S/chunk_0", b"x")
        outside = D + "/outside"
        up = "../" * 12
        paths = ["..", ".", "/", "//", "../x", f"{up}{outside}", f"images/{up}{outside}", f"images/user-7/2026/11/{up}x.dcm",
                 "images/user-7/2026/11/..", "images/user-7/../../x", "temp/processing/..", "temp/processing/../../x",
                 "temp/processing/a/../../../x", "temp/uploads/S/chunk_1", "temp/uploads/../x", ".mammofs/staging/1",
                 "images/user-../2026/11/.x", "images/user-7/2026/11/a\0b", "temp/processing/a\0/b", outside,
                 "temp/processing/" + "a" * 256, "temp/processing/\x7f", "images/user-7/2026/11/.hidden", ".stats",
                 "images/user-7/2026/13/a", "images/user-7/12026/11/a", "images/user-.x/2026/11/a"]
        markers = [p.encode() for p in paths] + [json.dumps({"path": p}).encode() for p in paths]
        for user, image in [("..", ".."), ("../..", "a"), ("7/2026/11/x", "a"), ("7", "../../../../x"), ("7", "a/b"),
                            ("7", "."), ("7", ".."), ("", "a"), ("7", ""), ("7\0", "a"), ("7", "a\0b"), (".x", "a"),
                            ("7" * 300, "a"), ("7", "a" * 256), ("\ud800", "a"), ("7", "\x85")]:
            markers.append(json.dumps({"userId": user, "imageId": image, "extension": ""}).encode())
            markers.append(json.dumps({"userId": "7", "imageId": "a", "extension": image}).encode()
                           if "/" in image or not image.strip("a") and len(image) > 250 else b"\xff\xfe")
        markers += [b'{"path":"temp/processing/a","size":' + n + b"}" for n in
                    (b"1e400", b"-1", b"9223372036854775808", b"0.5", b'"1"', b"[" * 1000)]
        markers += [b'{"path":"temp/processing/a","totalChunks":' + n + b"}" for n in
                    (b"-1", b"9223372036854775808", b"1.5", b"true")]
        markers += [b'{"path":"temp/processing/a","sha256":"' + n + b'"}' for n in (b"", b"x" * 64, b"0" * 63, b"0" * 65)]
        for marker in markers:
            try:
                put(M + "/temp/uploads/S/.complete", marker)
            except OSError as error:
                assert error.errno in (errno.EINVAL, errno.ENODATA, errno.EBADMSG), (marker[:200], error)
            else:
                raise AssertionError(marker[:200])
            assert os.listdir(M + "/temp/uploads/S") == ["chunk_0"], marker[:200]
        assert not os.path.lexists(outside) and not os.listdir(M + "/images") and not os.listdir(M + "/temp/processing")
        assert sorted(os.listdir(R)) == [".mammofs", "images", "temp", "thumbnails"]
        put(M + "/temp/uploads/S/.complete", b"images/user-7/2026/11/a.dcm")
        assert get(M + "/images/user-7/2026/11/a.dcm") == b"x"
        """#)
    }
  }

  @Test("Indexes of 20 digits and more, and letters beyond any index, are refused")
  func indexes() throws {
    try withMount { m in
      try m.python(
        #"""
        folder = M + "/temp/uploads/S/"
        os.mkdir(folder)
        for name in ["9" * 20, "18446744073709551616", "18446744073709551615", "9223372036854775808", "1" * 249,
                     "1000000000", "-1", "+1", "1.0", "0x1", "1e3", "٣", "", " 1", "1 ", "a", "aaa", "z" * 100, "zzzzzzaaaaaaaa",
                     "zzzzzz" + "a" * 8, "AA", "a1"]:
            refused(errno.EINVAL, put, folder + "chunk_" + name)
        assert os.listdir(folder) == []
        put(folder + "chunk_999999999", b"x")
        put(folder + "chunk_" + "0" * 240 + "7", b"y")
        refused(errno.EEXIST, put, folder + "chunk_7")
        import json
        said = get(folder + ".stats")
        assert len(said) < 1 << 16, len(said)
        assert json.loads(said)["missing"][:8] == [0, 1, 2, 3, 4, 5, 6, 8]
        refused(errno.ENODATA, put, folder + ".complete", b"temp/processing/a")
        """#)
    }
  }

  @Test("A marker of 1 GiB, written, stretched or reserved, costs neither memory nor the session")
  func largeMarker() throws {
    try withMount { m in
      try m.python(
        #"""
        folder = M + "/temp/uploads/S/"
        os.mkdir(folder)
        put(folder + "chunk_0", b"x")
        piece = b"x" * (1 << 20)
        for step in ("write", "truncate", "pwrite", "fallocate"):
            file = os.open(folder + ".complete", os.O_CREAT | os.O_WRONLY, 0o644)
            try:
                for number in range(1024):
                    if step == "write": os.write(file, piece)
                    if step == "truncate": os.ftruncate(file, 1 << 30)
                    if step == "pwrite": os.pwrite(file, b"x", (1 << 63) - 2 - number)
                    if step == "fallocate": os.posix_fallocate(file, 0, 1 << 30)
                    if step != "write" and number: break
            except OSError as error:
                assert error.errno in (errno.EINVAL, errno.EFBIG, errno.EOPNOTSUPP, errno.EPERM), (step, error)
            try: os.close(file)
            except OSError as error: assert error.errno == errno.EINVAL, (step, error)
            assert poll(lambda: "chunk_0" in os.listdir(folder)), step
            if ".complete" in os.listdir(folder): os.unlink(folder + ".complete")
            assert os.listdir(folder) == ["chunk_0"], (step, os.listdir(folder))
        put(folder + ".complete", b"temp/processing/a")
        assert get(M + "/temp/processing/a") == b"x"
        """#)
      #expect(m.residentMemory < 200_000)
    }
  }

  @Test("Many chunks in one session")
  func manyChunks() throws { try chunks(5_000, seconds: 120) }

  @Test("A million chunks in one session", .long)
  func millionChunks() throws { try chunks(1_000_000, seconds: 1700) }

  private func chunks(_ count: Int, seconds: Int) throws {
    try withMount { m in
      try m.python(
        #"""
        import json
        folder, count = M + "/temp/uploads/S/", int(os.environ["COUNT"])
        os.mkdir(folder)
        # Every second first, so that there are as many gaps as there can be.
        for start in (1, 0):
            for index in range(start, count, 2):
                file = os.open(f"{folder}chunk_{index}", os.O_CREAT | os.O_WRONLY)
                os.write(file, b"%c" % (index % 251))
                os.close(file)
            said = get(folder + ".stats")
            assert len(said) < 1 << 16 and json.loads(said)["chunks"] == count // 2 * (2 - start), said[:300]
        assert len(os.listdir(folder)) == count
        put(folder + ".complete", b"images/user-7/2026/11/a.dcm")
        whole = get(M + "/images/user-7/2026/11/a.dcm")
        assert whole == bytes(index % 251 for index in range(count)), len(whole)
        assert json.loads(get(folder + ".complete"))["chunks"] == count
        """#, ["COUNT": "\(count)"], seconds: seconds)
      #expect(m.residentMemory < 300_000 + count * 2)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A chunk of a few bytes and terabytes of nothing is closed at once, and takes no room")
  func holes() throws {
    try withMount { m in
      try m.python(
        #"""
        folder = M + "/temp/uploads/S/"
        os.mkdir(folder)
        before = os.statvfs(M).f_bfree * os.statvfs(M).f_frsize
        far, end = 4 << 40, time.monotonic() + 20
        for name, first in (("chunk_0", b"head"), ("chunk_1", b"")):
            with open(folder + name, "wb", buffering=0) as file:
                if first: file.write(first)
                os.pwrite(file.fileno(), b"tail", far)
            assert os.stat(folder + name).st_size == far + 4
            with open(folder + name, "rb", buffering=0) as file:
                assert file.read(4) == (first or bytes(4)) and os.pread(file.fileno(), 9, far) == b"tail"
        os.truncate(folder + "chunk_1", 2)
        put(folder + ".complete", b"images/user-7/2026/11/a.dcm")
        with open(M + "/images/user-7/2026/11/a.dcm", "rb") as file:
            assert file.read(4) == b"head" and os.pread(file.fileno(), 9, far) == b"tail\0\0"
        assert time.monotonic() < end
        assert before - os.statvfs(M).f_bfree * os.statvfs(M).f_frsize < 1 << 30
        """#, seconds: 60)
    }
  }

  @Test("Chunks of 8 EiB: sums that no number holds are refused, and figures stay figures", .needs("unshare", "mount"))
  func sparse() throws {
    try withoutMount { m in
      let script = #"""
        import json, os, errno
        M = os.environ["M"]
        most = (1 << 63) - 1
        os.makedirs(M + "/images/user-7/2026/11")
        for number in range(4):
            path = f"{M}/images/user-7/2026/11/{number}.dcm"
            with open(path, "wb") as file:
                file.truncate(most)
                file.seek(most - 1)
                file.write(b"x")
        folder = M + "/temp/uploads/S/"
        os.mkdir(folder)
        for number in range(4):
            with open(folder + f"chunk_{number}", "wb") as file:
                file.write(b"x" * 5000)
                file.flush()
                file.truncate(most)
                os.pwrite(file.fileno(), b"y", most - 2)
        for path in ("/.stats", "/images/user-7/.stats", "/temp/uploads/S/.stats"):
            json.loads(open(M + path).read())
        try:
            with open(folder + ".complete", "w") as file: file.write("images/user-7/2026/12/a.dcm")
        except OSError as error:
            assert error.errno in (errno.EFBIG, errno.EINVAL, errno.ENOSPC, errno.EOVERFLOW), error
        else:
            raise AssertionError("four times 8 EiB")
        assert sorted(n for n in os.listdir(folder)) == [f"chunk_{n}" for n in range(4)]
        for number in range(4): os.truncate(folder + f"chunk_{number}", 3)
        with open(folder + ".complete", "w") as file: file.write("images/user-7/2026/12/a.dcm")
        assert open(M + "/images/user-7/2026/12/a.dcm").read() == "xxx" * 4
        for number in range(4): os.unlink(f"{M}/images/user-7/2026/11/{number}.dcm")
        for number in range(3):
            with open(f"{M}/temp/processing/{number}", "wb") as file: file.truncate(most)
        figures = json.loads(open(M + "/.stats").read())
        assert figures["images"] == {"size": 12, "count": 1}, figures
        assert figures["temp"]["count"] == 4, figures
        """#
      try Files.write(script, to: m.beside("sparse.py"))
      // Of the usual file systems only some hold files of that size; in memory they are always to be had.
      try m.shPrivately(
        """
        mount -t tmpfs none "$R"
        "$B" mount "$M" --root "$R" 2>> "$D/server.log"
        status=0
        python3 "$D/sparse.py" || status=$?
        "$B" cleanup "$M" --older-than 0
        "$B" stats "$M" --json | tee "$D/figures"
        "$B" unmount "$M"
        # Without a server more is free, because it keeps a part back; digests are its own matter, too.
        "$B" stats "$R" --json | grep -v availableSpace | tr -d , |
          cmp - <(grep -v -e availableSpace -e integrity "$D/figures" | tr -d ,)
        test "$status" = 0
        """, seconds: 100)
    }
  }

  @Test("Positions in folders and virtual files that nobody was given")
  func positions() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        for number in range(20): put(f"{M}/images/user-7/2026/11/{number}.dcm")
        os.mkdir(M + "/temp/uploads/S")
        positions = [1 << n for n in range(63)] + [(1 << 63) - 1 - (1 << n) for n in range(63)] + [(1 << 63) - 1]
        space, getdents64 = ctypes.create_string_buffer(4096), {"x86_64": 217}.get(os.uname().machine, 61)
        for folder in ("", "/images", "/images/user-7/2026/11", "/temp/uploads/S", "/temp/processing"):
            file = os.open(M + folder, os.O_RDONLY)
            for position in positions:
                try: os.lseek(file, position, os.SEEK_SET)
                except OSError: continue
                assert libc.syscall(getdents64, file, space, 4096) >= -1
            os.close(file)
            assert os.listdir(M + folder) is not None
        for path in ("/.stats", "/.errors", "/images/user-7/.stats", "/temp/uploads/S/.stats"):
            file = os.open(M + path, os.O_RDONLY)
            for position in positions:
                try: assert len(os.pread(file, 10, position)) <= 10
                except OSError as error: assert error.errno == errno.EINVAL, (path, position, error)
                try: os.lseek(file, position, os.SEEK_HOLE)
                except OSError as error: assert error.errno in (errno.ENXIO, errno.EINVAL), (path, position, error)
            os.close(file)
        assert len(os.listdir(M + "/images/user-7/2026/11")) == 20
        """#)
    }
  }

  @Test("A full .errors keeps the newest lines whole while many are refused at once")
  func fullErrors() throws {
    try withMount { m in
      try m.python(
        #"""
        import threading
        def refuse(worker):
            for number in range(800):
                refused(errno.EINVAL, os.mkdir, f"{M}/images/{'é' * 100}-{worker}-{number}")
        threads = [threading.Thread(target=refuse, args=(worker,)) for worker in range(4)]
        for thread in threads: thread.start()
        while any(thread.is_alive() for thread in threads):
            lines = get(M + "/.errors").decode().split("\n")
            # With those that came while it was read.
            assert len(lines) <= 2001 and lines[-1] == "", len(lines)
            assert all(" mkdir images/é" in line and " EINVAL " in line for line in lines[:-1])
        for thread in threads: thread.join()
        lines = get(M + "/.errors").decode().splitlines()
        assert len(lines) == 1000
        last = {int(line.split("-")[-1].split()[0].strip("'")) for line in lines[-4:]}
        assert max(last) == 799, last
        refused(errno.EINVAL, os.mkdir, M + "/images/last")
        assert "images/last EINVAL" in get(M + "/.errors").decode().splitlines()[-1]
        """#)
      #expect(m.residentMemory < 200_000)
    }
  }
}
