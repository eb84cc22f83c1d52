import Glibc
import Testing

/// A store that is shared with a group, as `mammofs init` begins it.
@Suite("A shared store", .mounting, .needs("setpriv"), .timeLimit(.minutes(15)))
struct SharedStoreTests {
  /// Two members of the group 4242, and somebody else.
  private let users = """
    member() { local user=$1; shift; setpriv --reuid=$user --regid=$user --groups=4242 -- "$@"; }
    other() { setpriv --reuid=6003 --regid=6003 --clear-groups -- "$@"; }

    """

  @Test("members make folders through the mount, and read what others make, and the storage root is closed to all")
  func members() throws {
    try withoutMount("-o", "allow_other") { m in
      try m.sh("\"$B\" init \"$R\" --group 4242")
      try m.mount()
      try m.sh(
        users + """
          test "$(stat -c %a:%g "$R")" = 700:0
          test "$(stat -c %a:%g "$M")" = 750:4242
          for folder in images thumbnails temp/uploads temp/processing; do
            test "$(stat -c %a:%g "$M/$folder")" = 3770:4242
          done
          test "$(stat -c %a:%g "$M/temp")" = 750:4242
          member 6001 mkdir -p "$M/images/user-7/2026/11"
          member 6001 bash -c 'umask 027; echo x > "$M/images/user-7/2026/11/a.dcm"'
          test "$(stat -c %u:%g:%a "$M/images/user-7/2026/11")" = 6001:4242:2750
          test "$(member 6002 cat "$M/images/user-7/2026/11/a.dcm")" = x
          # Neither the mount nor the storage root lets one take away another's patient.
          fails member 6002 mv "$M/images/user-7" "$M/images/user-8"
          fails member 6002 rm -rf "$M/images/user-7"
          fails member 6002 touch "$M/images/user-7/2026/11/b.dcm"
          fails member 6002 ls "$R/images"
          fails member 6001 rm "$R/images/user-7/2026/11/a.dcm"
          fails other ls "$M"
          fails other cat "$M/images/user-7/2026/11/a.dcm"
          # An upload by a member, which the server judges by itself.
          member 6002 mkdir "$M/temp/uploads/s"
          member 6002 bash -c 'echo chunk > "$M/temp/uploads/s/chunk_0"'
          echo images/user-9/2026/11/b.dcm > "$D/marker"; chmod 644 "$D/marker"
          member 6002 cp "$D/marker" "$M/temp/uploads/s/.complete"
          test "$(stat -c %u:%g:%a "$M/images/user-9")" = 6002:4242:2750
          """)
      // chmod and chgrp of the top are kept, and leave the storage root as it is.
      try m.sh("chmod 0710 \"$M\"; chgrp 4243 \"$M\"")
      try m.remount()
      try m.sh("test \"$(stat -c %a:%g \"$M\")\" = 710:4243; test \"$(stat -c %a:%g \"$R\")\" = 700:0")
    }
  }

  @Test("with --folder-mode 3770 a second person adds to a month, and takes nothing away")
  func folderMode() throws {
    try withoutMount("-o", "allow_other") { m in
      try m.sh("\"$B\" init \"$R\" --group 4242 --folder-mode 3770")
      try m.mount()
      let check =
        users + """
          umask 077
          member 6001 mkdir -p "$M/images/user-$U/2026/11" "$M/temp/uploads/s$U" "$M/temp/processing/p$U"
          for folder in "images/user-$U" "images/user-$U/2026" "images/user-$U/2026/11" "temp/uploads/s$U"; do
            test "$(stat -c %a:%g "$M/$folder")" = 3770:4242
            test "$(stat -c %a:%g "$R/$folder")" = 3770:4242
          done
          test "$(stat -c %a "$M/temp/processing/p$U")" = 2700
          member 6001 touch "$M/images/user-$U/2026/11/a.dcm"
          member 6002 touch "$M/images/user-$U/2026/11/b.dcm"
          member 6002 mkdir "$M/images/user-$U/2026/12"
          fails member 6002 rm -f "$M/images/user-$U/2026/11/a.dcm"
          fails member 6002 mv "$M/images/user-$U/2026/11/a.dcm" "$M/images/user-$U/2026/12/"
          # By a marker, too.
          member 6002 touch "$M/temp/uploads/s$U/chunk_0"
          echo "images/user-m$U/2026/11/a.dcm" > "$D/marker"; chmod 644 "$D/marker"
          member 6002 cp "$D/marker" "$M/temp/uploads/s$U/.complete"
          test "$(stat -c %u:%g:%a "$M/images/user-m$U/2026")" = 6002:4242:3770
          """
      try m.sh(check, ["U": "1"])
      try m.remount()
      try m.sh(check, ["U": "2"])
      try m.sh("kill -9 $(sed -n 's/^process //p' \"$R/.mammofs/lock\")")
      try m.sh(check, ["U": "3"])
    }
  }

  @Test("of one that is there only what is asked for is changed, and never while it is mounted")
  func changed() throws {
    try withMount { m in
      try m.sh("mkdir -p \"$M/images/user-1/2026/11\"; echo x > \"$M/images/user-1/2026/11/a.dcm\"")
      let refused = try m.run("\"$B\" init \"$R\" --folder-mode 2770")
      #expect(refused.status == 1 && refused.errors.contains("unmount that first"), "\(refused)")
      try m.unmount()
      try m.sh("\"$B\" init \"$R\" --folder-mode 2770; test \"$(stat -c %a \"$R\")\" = 750")
      try m.mount()
      try m.sh(
        """
        test "$(stat -c %a "$M/images/user-1")" = 750
        mkdir "$M/images/user-2"
        test "$(stat -c %a "$M/images/user-2")" = 2770
        """)
      try m.unmount()
      try m.sh("\"$B\" init \"$R\" --group 4242; test \"$(stat -c %a \"$R\")\" = 700")
      try m.mount()
      try m.sh(
        """
        mkdir "$M/images/user-3"
        test "$(stat -c %a:%g "$M/images/user-3")" = 2770:4242
        test "$(cat "$M/images/user-1/2026/11/a.dcm")" = x
        """)
    }
  }

  @Test("what makes no sense is refused, and settings that cannot be read open nothing")
  func refused() throws {
    try withoutMount { m in
      try m.sh("mkdir strange; touch strange/file")
      for (arguments, status, says) in [
        ("strange", 1, "choose an empty folder"), ("new --group nobody-has-this", 1, "groupadd"),
        ("new --folder-mode 4750", 64, "folder-mode"), ("new --folder-mode 0077", 64, "folder-mode"),
        ("new --folder-mode x", 64, "folder-mode"), ("no/new", 1, "there is no folder"), ("", 64, "root"),
      ] {
        let outcome = try m.run("\"$B\" init \(arguments)")
        #expect(outcome.status == Int32(status) && outcome.errors.contains(says), "\(arguments): \(outcome)")
        #expect(!Files.exists(m.beside("new")) && !Files.exists(m.beside("strange/images")))
      }
      try m.sh("\"$B\" init \"$R\" --group 4242 --folder-mode 2770")
      for text in ["{", "", #"{"version":1,"folderMode":"7777"}"#, #"{"version":9,"folderMode":"0755"}"#] {
        try Files.write(text, to: m.stored(".mammofs/settings.json"))
        try m.mount()
        try m.sh("mkdir \"$M/images/user-1\"; test \"$(stat -c %a \"$M\" \"$M/images/user-1\" | xargs)\" = '700 2750'")
        #expect(try m.refusals().contains { $0.contains("settings.json EINVAL") && $0.contains("init again") })
        try m.sh("rmdir \"$M/images/user-1\"")
        try m.unmount()
      }
    }
  }
}
