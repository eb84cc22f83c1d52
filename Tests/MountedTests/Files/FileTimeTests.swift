import Glibc
import Testing

/// Times that tools set stay as set, before close and after it.
@Suite("A file's times", .mounting, .timeLimit(.minutes(15)))
struct FileTimeTests {
  static let targets = [
    "images/user-7/2026/11/a.dcm", "thumbnails/user-7/2026/11/a_thumb.jpg", "temp/uploads/s/chunk_0",
    "temp/processing/a",
  ]

  @Test("touch -d before and after close, cp -p and touch -r are kept", arguments: targets)
  func kept(path: String) throws {
    // Files that old are idle, and the mount would clean them up.
    try withMount("--temp-max-age", "900000") { m in
      try m.sh("mkdir -p \"$M/$(dirname \(path))\"")
      try m.sh(
        #"""
        file=$M/$F stored=$R/$F
        same() { test "$(stat -c %.Y "$file")" = "$1" && test "$(stat -c %.Y "$stored")" = "$1"; }
        exec 5> "$file"
        echo content >&5
        touch -d '2019-01-02 03:04:05.678901234 UTC' "$file"
        exec 5>&-
        same 1546398245.678901234
        touch -d '2018-01-02 03:04:05.000000001 UTC' "$file"
        same 1514862245.000000001
        cat "$file" > /dev/null
        same 1514862245.000000001
        rm "$file"
        echo original > "$D/original"
        touch -d '2017-01-02 03:04:05.5 UTC' "$D/original"
        cp -p "$D/original" "$file"
        same 1483326245.500000000
        sleep 0.05
        same 1483326245.500000000
        """#, ["F": path])
      try m.remount()
      let stat = try Files.stat(m[path])
      #expect(stat.st_mtim.tv_sec == 1_483_326_245 && stat.st_mtim.tv_nsec == 500_000_000)
    }
  }

  @Test(
    "No time is too far away, whatever disk there is", .needs("python3"), arguments: ["ext4", "tmpfs"],
    ["1901-12-14", "2300-01-01", "2400-01-01", "@9223372036854775807", "@-9223372036854775808"])
  func farAway(disk: String, time: String) throws {
    try withoutMount("--create", "--temp-max-age", "900000") { m in
      if disk == "tmpfs" { try m.sh("mount -t tmpfs -o size=50M tmpfs \"$R\"") }
      defer {
        if m.isMounted { try? m.unmount() }
        if disk == "tmpfs" { m.releaseDisk() }
      }
      try m.mount()
      let month = try m.month()
      try m.python(
        #"""
        month, session = M + "/" + os.environ["MONTH"], M + "/temp/uploads/s"
        process, moment = server(), os.environ["TIME"]
        def old(path): subprocess.run(["touch", "-d", moment, path], check=True)
        def has_digest(path):
            try: return len(os.getxattr(path, "user.mammofs.sha256")) == 64
            except OSError as error: return error.errno != errno.ENODATA
        os.mkdir(session)
        put(session + "/chunk_0", b"chunk")
        put(session + "/.complete", (os.environ["MONTH"] + "/b.dcm").encode())
        for path in (month + "/a.dcm", month + "/b.dcm", M + "/temp/processing/a"):
            if not path.endswith("b.dcm"): put(path, b"image")
            old(path)
        for image in ("a", "b"):
            path = f"{month}/{image}.dcm"
            assert poll(lambda: has_digest(path), 60), path
        old(session + "/.complete"); old(session)
        assert server() == process
        """#, ["MONTH": month, "TIME": time])
      try m.expectStatsAsWalked()
      try m.sh("\"$B\" cleanup --dry-run \"$M\" && \"$B\" verify \"$M\"")
      try m.remount()
      #expect(try Files.text(m["\(month)/b.dcm"]) == "chunk")
      try m.expectStatsAsWalked()
    }
  }

  @Test("A write after a set time makes the file younger, and a rename keeps its time")
  func younger() throws {
    try withMount { m in
      let month = try m.month()
      try m.sh(
        """
        cd "$M/\(month)"
        echo x > a.dcm
        touch -d '2019-01-02 UTC' a.dcm
        mv a.dcm b.dcm
        test "$(stat -c %Y b.dcm)" = 1546387200
        echo y >> b.dcm
        test "$(stat -c %Y b.dcm)" -gt 1600000000
        touch -a -d '2019-01-02 UTC' b.dcm
        test "$(stat -c %X b.dcm)" = 1546387200
        touch -c none.dcm
        test ! -e none.dcm
        """)
    }
  }

  @Test("Times of folders can be set, and change when something is made in them")
  func folders() throws {
    try withMount { m in
      let month = try m.month()
      for folder in ["images/user-7", month, "temp/processing"] {
        try m.sh("touch -d '2019-01-02 UTC' \"$M/\(folder)\"")
        #expect(try Files.stat(m[folder]).st_mtim.tv_sec == 1_546_387_200)
      }
      try Files.write("x", to: m["\(month)/a.dcm"])
      try Files.write("x", to: m["temp/processing/a"])
      #expect(try Files.stat(m[month]).st_mtim.tv_sec > 1_546_387_200)
      #expect(try Files.stat(m["temp/processing"]).st_mtim.tv_sec > 1_546_387_200)
    }
  }
}
