import Testing

/// What happens beside a marker while it completes its session.
@Suite("Beside the marker", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct RacingTests {
  @Test(
    "whatever is done at the same moment, each is told what became of it, and the image is whole",
    arguments: ["another marker", "a chunk removed", "a chunk written again", "a new file in its place"])
  func race(rival: String) throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        import threading
        month = M + "/images/user-7/2026/11"
        parts = [os.urandom(20_000 + 7 * i) for i in range(4)]
        other = b"other" * 1000

        def told(call):
            try: call()
            except OSError as error: return errno.errorcode[error.errno]
            return "done"

        def create(path, content):
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            try: os.write(fd, content)
            finally: os.close(fd)

        for number in range(120):
            session, image = f"{M}/temp/uploads/s{number}", f"{month}/{number}.dcm"
            os.mkdir(session)
            for i, part in enumerate(parts): put(f"{session}/chunk_{i}", part)
            rival = {
                "another marker": lambda: put(session + "/.complete", image[len(M):].encode() + b".other"),
                "a chunk removed": lambda: os.unlink(session + "/chunk_3"),
                "a chunk written again": lambda: put(session + "/chunk_1", other),
                "a new file in its place": lambda: create(image, other),
            }[os.environ["RIVAL"]]
            results = {}
            def run(name, call): results[name] = told(call)
            threads = [
                threading.Thread(target=run, args=("marker", lambda: put(session + "/.complete", image[len(M):].encode()))),
                threading.Thread(target=run, args=("rival", rival)),
            ]
            for thread in threads: thread.start()
            for thread in threads: thread.join(30)
            assert len(results) == 2, "one of them hangs"

            found = {name: get(f"{month}/{name}") for name in os.listdir(month) if name.startswith(f"{number}.")}
            whole = [b"".join(parts), b"".join(parts[:3]), b"".join([parts[0], other, *parts[2:]])]
            for name, content in found.items():
                assert get(f"{R}/images/user-7/2026/11/{name}") == content, (name, "is not what is kept", results)
                assert content in whole or content == other, (name, len(content), results)
            if results["marker"] == "done": assert found.get(f"{number}.dcm") in whole, results
            if os.environ["RIVAL"] == "another marker" and results["rival"] == "done":
                assert found.get(f"{number}.dcm.other") in whole, results
            if os.environ["RIVAL"] == "a new file in its place" and results["rival"] == "done":
                assert found.get(f"{number}.dcm") == other, results
            assert "done" in results.values(), results
        """#, ["RIVAL": rival], seconds: 200)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A rename of a chunk that is refused leaves it in the session")
  func refusedRename() throws {
    try withMount { m in
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        for i in range(3): put(f"{session}/chunk_{i}", b"part%d" % i)
        refused(errno.EEXIST, os.rename, session + "/chunk_2", session + "/chunk_01")
        refused(errno.EINVAL, os.rename, session + "/chunk_2", session + "/chunk_aa")
        os.rename(session + "/chunk_2", session + "/chunk_3")
        os.rename(session + "/chunk_3", session + "/chunk_002")
        put(session + "/.complete", b"images/user-7/2026/11/a.dcm")
        assert get(M + "/images/user-7/2026/11/a.dcm") == b"part0part1part2"
        """#)
    }
  }

  @Test("Chunks with holes take no space before the marker, nor after it")
  func sparse() throws {
    try withMount { m in
      try m.sh(
        #"""
        mkdir "$M/temp/uploads/s"
        for i in 0 1 2; do truncate -s 1T "$M/temp/uploads/s/chunk_$i"; done
        echo end >> "$M/temp/uploads/s/chunk_2"
        test "$(du -sk "$R" | cut -f1)" -lt 2000
        echo images/user-7/2026/11/a.dcm > "$M/temp/uploads/s/.complete"
        test "$(stat -c %s "$M/images/user-7/2026/11/a.dcm")" = $((3 * 1024 ** 4 + 4))
        test "$(tail -c 4 "$M/images/user-7/2026/11/a.dcm")" = end
        test "$(du -sk "$R" | cut -f1)" -lt 2000
        """#)
    }
  }
}
