import Glibc
import Testing

/// Times that tools set stay as set, before close and after it.
@Suite("A file's times", .mounting, .timeLimit(.minutes(5)))
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
