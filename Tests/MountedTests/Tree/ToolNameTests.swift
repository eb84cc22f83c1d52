import Glibc
import Testing

/// The names that tools give their temporary files, where these do not begin with a dot.
@Suite("Tools' temporary names", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct ToolNameTests {
  private static let endings =
    #"[".2fdd158b.partial", ".part", ".filepart", ".tmp", ".crdownload", "_exiftool_tmp", "~", ".0000000019"]"#

  @Test("are made where files can be, count as nothing, and become what they are renamed to")
  func renamed() throws {
    try withMount { m in
      try m.python(
        """
        import json
        def count(): return {k: json.loads(get(M + "/.stats"))[k]["count"] for k in ("images", "thumbnails", "temp")}
        images, thumbnails = M + "/images/user-7/2026/11", M + "/thumbnails/user-7/2026/11"
        session = M + "/temp/uploads/s"
        for folder in (images, thumbnails, session): os.makedirs(folder)
        for folder, name in ((images, "scan.dcm"), (thumbnails, "scan_thumb.jpg"), (session, "chunk_0")):
            for work in [name + end for end in \(Self.endings)] + ["0000000019"]:
                before = count()
                put(folder + "/" + work, work.encode())
                assert os.listdir(folder) == [work], (folder, work, os.listdir(folder))
                assert not os.path.exists(R + folder[len(M):] + "/" + work)
                after = count()
                assert (after["images"], after["thumbnails"]) == (0, 0), (work, after)
                assert after["temp"] == before["temp"] + 1, (work, before, after)
                os.rename(folder + "/" + work, folder + "/" + name)
                assert get(folder + "/" + name) == work.encode()
                assert get(R + folder[len(M):] + "/" + name) == work.encode() or folder == session
                os.unlink(folder + "/" + name)
        # What only looks like one.
        for name in ("part", "scan.dcm.Part", "scan-tmp", "~a", "123456789", "12345678901", "1.2.840.2229451284"):
            put(images + "/" + name, b"i")
        assert count()["images"] == 7, count()
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test("go with the cleanup when idle, and outlast a remount until then")
  func cleaned() throws {
    try withMount { m in
      let month = try m.month()
      let upload = try Upload(m)
      try upload.write([1], to: "chunk_0.part")
      try upload.write([1], to: "chunk_0")
      try m.sh(
        """
        for name in a.dcm.1234.partial a.dcm~ 0000000019 a.dcm_exiftool_tmp young.tmp a.dcm; do
          echo x > "$M/\(month)/$name"
        done
        """)
      try m.remount()
      try m.sh(
        """
        cd "$M/\(month)"
        test "$(ls | wc -l)" = 6
        touch -d '2 days ago' a*  0* "$M/temp/uploads/s1/chunk_0.part"
        "$B" cleanup "$M"
        test "$(echo *)" = 'a.dcm young.tmp'
        test "$(ls "$M/temp/uploads/s1")" = chunk_0
        rm young.tmp
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test("do not take away an image that has one in the storage root: it stays, and somebody is told")
  func published() throws {
    try withoutMount { m in
      let month = "images/user-7/2026/11"
      try m.sh(
        """
        mkdir -p "$R/\(month)"
        for name in a.tmp b~ 1234567890 c.dcm; do echo "$name" > "$R/\(month)/$name"; done
        touch -d '9 days ago' "$R/\(month)"/*
        """)
      try m.mount()
      #expect(try m.countedStats().images.count == 1)
      #expect(try m.refusals().contains { $0.contains(" mount \(month)/") && $0.contains("and so are 2 more files") })
      try m.sh(
        """
        cd "$M/\(month)"
        "$B" cleanup "$M"
        test "$(echo *)" = '1234567890 a.tmp b~ c.dcm'
        test "$(cat a.tmp)" = a.tmp
        mv a.tmp a.dcm
        mv 1234567890 IM000001
        rm b~
        """)
      #expect(try m.countedStats().images.count == 3)
      #expect(try m.countedStats().temp.count == 0)
      try m.expectStatsAsWalked()
    }
  }

  @Test("are none for an upload's target, with a sentence that says so")
  func targets() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.write([1], to: "chunk_0")
      for marker in ["images/user-7/2026/11/a.tmp", #"{"userId": "7", "imageId": "1234567890"}"#] {
        #expect(upload.mark(marker) == ErrnoName(EINVAL))
        #expect(try upload.stats().error?.contains("temporary files") ?? false)
      }
    }
  }

  @Test("rclone copies into months and sessions and leaves no temporary file", .needs("rclone"))
  func rclone() throws {
    try withMount { m in
      try m.month()
      try m.month("thumbnails/user-7/2026/11")
      _ = try Upload(m)
      try m.sh(
        """
        export HOME=$D
        mkdir in
        head -c 300000 /dev/urandom > in/scan.dcm
        rclone copyto in/scan.dcm "$M/images/user-7/2026/11/scan.dcm"
        rclone copyto in/scan.dcm "$M/thumbnails/user-7/2026/11/scan_thumb.jpg"
        rclone copyto in/scan.dcm "$M/temp/uploads/s1/chunk_0"
        cmp in/scan.dcm "$M/images/user-7/2026/11/scan.dcm"
        test "$(ls "$M"/*/user-7/2026/11 "$M/temp/uploads/s1" | grep -c partial)" = 0
        rclone moveto "$M/images/user-7" "$M/temp/processing/user-7"
        cmp in/scan.dcm "$M/temp/processing/user-7/2026/11/scan.dcm"
        test ! -e "$M/images/user-7/2026/11/scan.dcm"
        test ! -s "$M/.errors" || ! grep -v EXDEV "$M/.errors"
        """)
    }
  }
}
