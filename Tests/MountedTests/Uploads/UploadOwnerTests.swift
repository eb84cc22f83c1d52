import Glibc
import Testing

/// To whom a completed upload belongs.
@Suite("What a marker makes", .mounting, .needs("python3", "setpriv"), .timeLimit(.minutes(15)))
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
        "temp/uploads/s/.complete",
      ] {
        #expect(try Files.stat(m.stored(path)).st_gid == 4242, "\(path)")
      }
    }
  }

  @Test(
    "only where its writer could have made it himself",
    arguments: [
      // A private folder, a file in it, a folder that cannot be searched, one that cannot be written.
      ("images/user-1/2026/11/a.dcm", false), ("images/user-1/2026/11/new.dcm", false),
      ("images/user-2/2026/11/a.dcm", false), ("temp/processing/private/a", false), ("", false),
      // By a group of his, and in a folder that is open to all but for the files of others.
      ("images/user-3/2026/11/a.dcm", true), ("images/user-3/2027/01/new.dcm", true),
      ("images/user-4/2026/11/a.dcm", false), ("images/user-4/2026/11/new.dcm", true),
    ])
  func rights(target: String, isAllowed: Bool) throws {
    try withMount("-o", "allow_other") { m in
      try m.sh(
        #"""
        chmod 0755 "$M" "$M/images" "$M/temp" "$M/temp/processing"
        chmod 0777 "$M/temp/uploads"
        for user in 1 2 3 4; do
          mkdir -p "$M/images/user-$user/2026/11"
          echo old > "$M/images/user-$user/2026/11/a.dcm"
        done
        mkdir -p "$M/temp/processing/private"
        echo old > "$M/temp/processing/private/a"
        chmod 0700 "$M/images/user-1" "$M/temp/processing/private"
        chmod -R a+rX "$M/images/user-2" "$M/images/user-4"
        chgrp -R 5678 "$M/images/user-3"
        chmod -R 0770 "$M/images/user-3"
        chmod 1777 "$M/images/user-4/2026/11"
        chmod 0755 "$D"
        setpriv --reuid 1234 --regid 1234 --groups 5678 bash -eu << 'end'
        for overwrite in true false; do
          session=$M/temp/uploads/$overwrite
          mkdir "$session"
          echo new > "$session/chunk_0"
          if test -z "$TARGET"; then marker=; else marker="{\"path\": \"$TARGET\", \"overwrite\": $overwrite}"; fi
          printf %s "$marker" > "/tmp/marker.$$"
          said=$(cp "/tmp/marker.$$" "$session/.complete" 2>&1) || true
          rm "/tmp/marker.$$"
          # That there is such a file is not for him to know.
          case $ALLOWED$said in
          true | true*"File exists" | false*"Permission denied") ;;
          *) echo "$overwrite: $said" >&2; exit 1 ;;
          esac
          if test "$ALLOWED" = false; then test -e "$session/chunk_0"; fi
        done
        end
        for file in user-1/2026/11/a.dcm user-2/2026/11/a.dcm user-4/2026/11/a.dcm; do
          test "$(cat "$M/images/$file")" = old
        done
        test "$(cat "$M/temp/processing/private/a")" = old
        """#, ["TARGET": target, "ALLOWED": isAllowed ? "true" : "false"])
      if !isAllowed { #expect(try m.sh("cat \"$M/.errors\"").contains("EACCES you may not write")) }
    }
  }

  @Test(
    "is made of chunks that its writer may read and take away",
    arguments: [("2770", "0600", false), ("2770", "0640", true), ("3770", "0640", false)])
  func chunks(session: String, chunk: String, isAllowed: Bool) throws {
    try withMount("-o", "allow_other") { m in
      try m.sh(
        #"""
        chmod 0755 "$M" "$M/temp"
        chmod 0777 "$M/temp/uploads" "$M/temp/processing"
        chmod 0755 "$D"
        mkdir "$M/temp/uploads/s"
        chgrp 5678 "$M/temp/uploads/s"
        chmod "$SESSION" "$M/temp/uploads/s"
        setpriv --reuid 1235 --regid 1235 --groups 5678 sh -c 'umask 0177; echo secret > "$M/temp/uploads/s/chunk_0"'
        setpriv --reuid 1235 --regid 1235 --groups 5678 chmod "$CHUNK" "$M/temp/uploads/s/chunk_0"
        printf temp/processing/a > "$D/marker"
        chmod 0644 "$D/marker"
        said=$(setpriv --reuid 1234 --regid 1234 --groups 5678 cp "$D/marker" "$M/temp/uploads/s/.complete" 2>&1) || true
        case $ALLOWED$said in
        true) test "$(cat "$M/temp/processing/a")" = secret ;;
        false*"Permission denied")
          test ! -e "$M/temp/processing/a"
          grep -q "EACCES you may not read chunk_0" "$M/.errors"
          ;;
        *) echo "$said" >&2; exit 1 ;;
        esac
        """#, ["SESSION": session, "CHUNK": chunk, "ALLOWED": isAllowed ? "true" : "false"])
    }
  }

  @Test("does not run as somebody else")
  func privileges() throws {
    try withMount("-o", "allow_other") { m in
      try m.sh(
        #"""
        chmod 0755 "$M" "$M/temp" "$D"
        chmod 0777 "$M/temp/uploads"
        setpriv --reuid 1234 --regid 1234 --clear-groups sh -c '
          mkdir "$M/temp/uploads/s"; echo 1 > "$M/temp/uploads/s/chunk_0"; chmod 6755 "$M/temp/uploads/s/chunk_0"'
        echo temp/processing/a > "$M/temp/uploads/s/.complete"
        test "$(stat -c %a "$M/temp/processing/a")" = 755
        """#)
    }
  }
}
