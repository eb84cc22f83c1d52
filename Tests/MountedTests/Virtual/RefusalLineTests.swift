import Testing

/// What becomes a line of `.errors`, and how it is read.
@Suite("Lines of .errors", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct RefusalLineTests {
  @Test("One that comes again soon is counted in its line, which becomes the last")
  func repeated() throws {
    try withMount { m in
      try m.python(
        #"""
        def refuse(name): refused(errno.EINVAL, os.mkdir, M + "/images/" + name)
        for _ in range(3): refuse("a")
        refuse("b"); refuse("a")
        lines = get(M + "/.errors").decode().splitlines()
        assert len(lines) == 2, lines
        assert " images/b EINVAL " in lines[0] and not lines[0].endswith(")"), lines
        assert " mkdir images/a EINVAL " in lines[1] and lines[1].endswith(" (4 times)"), lines
        crash()
        assert get(M + "/.errors").decode().splitlines() == lines
        """#)
    }
  }

  @Test("What a tool only tries before it does something else is none", .needs("sftp", Prerequisites.sftpServer))
  func probes() throws {
    try withMount { m in
      let month = try m.month()
      try m.sh(
        """
        echo x > "$M/\(month)/a.dcm"
        # With -l, sftp has the server rename in its old way: link, then unlink.
        printf 'rename -l %s %s\\n' "$M/\(month)/a.dcm" "$M/\(month)/b.dcm" > batch
        sftp -D "$SFTP_SERVER" -b batch
        test -e "$M/\(month)/b.dcm"
        fails ln -s me@host.1:2 "$M/\(month)/.#b.dcm"
        test ! -s "$M/.errors"
        fails ln "$M/\(month)/b.dcm" "$M/temp/processing/b.dcm"
        test "$(wc -l < "$M/.errors")" = 1
        """, ["SFTP_SERVER": Prerequisites.sftpServer])
    }
  }

  @Test("tail -f shows new ones as they come", .needs("tail"))
  func followed() throws {
    try withMount { m in
      try m.python(
        #"""
        def refuse(name): refused(errno.EINVAL, os.mkdir, M + "/images/" + name)
        def seen(): return get(D + "/seen").decode()
        refuse("a")
        with open(D + "/seen", "wb") as out:
            tail = subprocess.Popen(["tail", "-s", "0.05", "-f", M + "/.errors"], stdout=out, stderr=out)
        try:
            assert poll(lambda: " images/a " in seen())
            refuse("b")
            assert poll(lambda: " images/b " in seen()), seen()
            for number in range(1500): refuse(f"c{number}")
            assert poll(lambda: " images/c1499 " in seen()), seen()[-300:]
            refuse("b")
            assert poll(lambda: seen().count(" images/b ") == 2), seen()[-300:]
            assert "truncated" not in seen()
            assert all(line.startswith("20") and " EINVAL " in line for line in seen().splitlines())
        finally:
            tail.terminate(); tail.wait()
        """#)
    }
  }

  @Test("What one has read stays while more come, and each open tells its size")
  func snapshots() throws {
    try withMount { m in
      try m.python(
        #"""
        def refuse(name): refused(errno.EINVAL, os.mkdir, M + "/images/" + name)
        refuse("a")
        file = os.open(M + "/.errors", os.O_RDONLY)
        first = os.read(file, 1 << 20)
        assert os.fstat(file).st_size == len(first) == os.stat(M + "/.errors").st_size
        for _ in range(3): refuse("a")
        assert os.pread(file, len(first), 0) == first
        size = os.fstat(file).st_size
        assert size > len(first)
        more = os.read(file, 1 << 20)
        assert len(first) + len(more) == size and more.endswith(b" (4 times)\n"), more
        now = get(M + "/.errors")
        assert now.count(b"\n") == 1 and now == more
        os.close(file)
        assert os.stat(M + "/.errors").st_size == len(now)
        """#)
    }
  }
}
