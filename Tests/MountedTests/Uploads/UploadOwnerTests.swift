import Glibc
import Testing

/// To whom a completed upload belongs.
@Suite("What a marker makes", .mounting, .needs("python3", "setpriv"), .timeLimit(.minutes(5)))
struct UploadOwnerTests {
  private static let asOther = "setpriv --reuid 1234 --regid 1234 --clear-groups"

  @Test("belongs to whoever wrote the marker, the folders on the way, too")
  func caller() throws {
    try withMount("-o", "allow_other") { m in
      try m.sh(
        """
        chmod 0777 "$M" "$M/images" "$M/temp" "$M/temp/uploads"
        \(Self.asOther) sh -c 'mkdir "$M/temp/uploads/s"; echo 1 > "$M/temp/uploads/s/chunk_0"
          echo images/user-9/2026/11/a.dcm > "$M/temp/uploads/s/.complete"'
        """)
      for path in [
        "images/user-9", "images/user-9/2026", "images/user-9/2026/11", "images/user-9/2026/11/a.dcm",
        "temp/uploads/s/.complete",
      ] {
        for full in [m[path], m.stored(path)] {
          let stat = try Files.stat(full)
          #expect(stat.st_uid == 1234 && stat.st_gid == 1234, "\(full)")
        }
      }
    }
  }

  @Test("and images, thumbnails and chunks get the group of a set-group-ID folder")
  func inherited() throws {
    try withMount { m in
      let folders = ["images/user-7/2026/11", "thumbnails/user-7/2026/11", "temp/uploads/s"]
      for folder in folders {
        try Files.makeFolders(m[folder])
        #expect(chown(m[folder], 0, 4242) == 0 && chmod(m[folder], 0o2750) == 0)
      }
      try m.sh(
        """
        echo 1 > "$M/images/user-7/2026/11/a.dcm"
        echo 1 > "$M/thumbnails/user-7/2026/11/a_thumb.jpg"
        echo 1 > "$M/temp/uploads/s/chunk_0"
        test "$(stat -c %g "$M/temp/uploads/s/chunk_0")" = 4242
        echo images/user-7/2026/11/b.dcm > "$M/temp/uploads/s/.complete"
        """)
      for path in [
        "images/user-7/2026/11/a.dcm", "thumbnails/user-7/2026/11/a_thumb.jpg", "images/user-7/2026/11/b.dcm",
      ] {
        #expect(try Files.stat(m.stored(path)).st_gid == 4242, "\(path)")
      }
    }
  }
}
