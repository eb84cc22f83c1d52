import Glibc
import Testing

/// Modes, owners and groups of what is made, and who may do what.
@Suite("Modes and owners", .mounting, .needs("setpriv"), .timeLimit(.minutes(15)))
struct OwnershipTests {
  /// As another user, without further groups.
  private let asOther = "setpriv --reuid=1234 --regid=1235 --clear-groups --"

  @Test("New folders of the tree are 0750 whatever the umask; files and the workspace follow the caller")
  func modes() throws {
    try withMount { m in
      try m.sh(
        """
        for mask in 000 022 077; do
          umask $mask
          mkdir -p "$M/images/user-$mask/2026/11" "$M/thumbnails/user-$mask/2026/11" "$M/temp/uploads/s$mask"
          mkdir -m 0777 "$M/images/user-m$mask"
          : > "$M/images/user-$mask/2026/11/a.dcm"
          : > "$M/temp/uploads/s$mask/chunk_0"
          mkdir "$M/temp/processing/d$mask"
          : > "$M/temp/processing/f$mask"
        done
        """)
      for (mask, folder, file) in [("000", 0o777, 0o666), ("022", 0o755, 0o644), ("077", 0o700, 0o600)] {
        for path in [
          "images/user-\(mask)", "images/user-\(mask)/2026", "images/user-\(mask)/2026/11",
          "thumbnails/user-\(mask)/2026/11", "temp/uploads/s\(mask)",
        ] {
          #expect(try Files.mode(m[path]) == 0o750, "\(path)")
          #expect(try Files.mode(m.stored(path)) == 0o750, "\(path) in the storage root")
        }
        #expect(try Files.mode(m["temp/processing/d\(mask)"]) == mode_t(folder))
        for path in ["images/user-\(mask)/2026/11/a.dcm", "temp/uploads/s\(mask)/chunk_0", "temp/processing/f\(mask)"] {
          #expect(try Files.mode(m[path]) == mode_t(file), "\(path)")
          #expect(try Files.mode(m.stored(path)) == mode_t(file), "\(path) in the storage root")
        }
      }
    }
  }

  @Test("Owner and group of what is made are the caller's")
  func owners() throws {
    try withMount("-o", "allow_other") { m in
      try m.sh("chmod 0777 \"$M\" \"$M\"/images \"$M\"/thumbnails \"$M\"/temp \"$M\"/temp/*")
      try m.sh(
        """
        \(asOther) bash -c 'set -e
          mkdir -p "$M/images/user-1/2026/11" "$M/temp/uploads/s" "$M/temp/processing/d"
          echo x > "$M/images/user-1/2026/11/a.dcm"
          echo x > "$M/temp/uploads/s/chunk_0"
          ln -s x "$M/temp/processing/d/link"
          mkfifo "$M/temp/processing/d/fifo"
          echo x > "$M/temp/processing/d/file"
          echo images/user-1/2026/11/b.dcm > "$M/temp/uploads/s/.complete"
          cat "$M/images/user-1/2026/11/b.dcm" "$M/.stats" > /dev/null'
        """)
      for path in [
        "images/user-1", "images/user-1/2026", "images/user-1/2026/11", "images/user-1/2026/11/a.dcm",
        "images/user-1/2026/11/b.dcm", "temp/uploads/s", "temp/processing/d", "temp/processing/d/link",
        "temp/processing/d/fifo", "temp/processing/d/file",
      ] {
        for full in [m[path], m.stored(path)] {
          let stat = try Files.stat(full)
          #expect(stat.st_uid == 1234 && stat.st_gid == 1235, "\(full) belongs to \(stat.st_uid):\(stat.st_gid)")
        }
      }
    }
  }

  @Test("Rights are checked: others cannot enter a 0750 folder nor write a 0644 file")
  func rights() throws {
    try withMount("-o", "allow_other") { m in
      let month = try m.month()
      try Files.write("secret", to: m["\(month)/a.dcm"])
      try Files.write("own", to: m["temp/processing/file"])
      #expect(chmod(m["temp/processing/file"], 0o644) == 0)
      let closed = try m.run("\(asOther) ls \"$M/images\"")
      #expect(closed.status != 0 && closed.errors.contains("Permission denied"), "\(closed)")
      try m.sh("chmod 0755 \"$M\" \"$M/temp\" \"$M/temp/processing\"")
      #expect(try m.sh("\(asOther) cat \"$M/temp/processing/file\"") == "own")
      for command in [
        "echo x >> \"$M/temp/processing/file\"", "chmod 777 \"$M/temp/processing/file\"",
        "rm -f \"$M/temp/processing/file\"", "touch -d yesterday \"$M/temp/processing/file\"",
        "mkdir \"$M/temp/processing/new\"", "chown 1234 \"$M/temp/processing/file\"",
      ] {
        let outcome = try m.run("\(asOther) bash -c '\(command)'")
        #expect(outcome.status != 0, "allowed: \(command)")
      }
      #expect(try Files.text(m["temp/processing/file"]) == "own")
    }
  }

  @Test("A set-group-ID folder hands its group down, and in the workspace the bit as well")
  func inheritance() throws {
    try withMount("-o", "allow_other") { m in
      try m.sh(
        """
        for folder in "$M/images" "$M/temp/uploads" "$M/temp/processing"; do
          chown :4242 "$folder" && chmod 2777 "$folder"
        done
        chmod 0755 "$M" "$M/temp"
        \(asOther) mkdir "$M/images/user-1" "$M/temp/uploads/s" "$M/temp/processing/d"
        \(asOther) touch "$M/temp/processing/file"
        \(asOther) mkdir "$M/temp/processing/d/inner"
        """)
      for path in [
        "images/user-1", "temp/uploads/s", "temp/processing/d", "temp/processing/file", "temp/processing/d/inner",
      ] {
        let stat = try Files.stat(m[path])
        #expect(stat.st_uid == 1234 && stat.st_gid == 4242, "\(path) has group \(stat.st_gid)")
        #expect(try Files.stat(m.stored(path)).st_gid == 4242, "\(path) in the storage root")
      }
      #expect(try Files.mode(m["temp/processing/d"]) & 0o2000 != 0)
      #expect(try Files.mode(m["images/user-1"]) & 0o777 == 0o750)
    }
  }

  @Test("chmod and chown of folders, images and chunks are kept in the storage root")
  func kept() throws {
    try withMount { m in
      let month = try m.month()
      let upload = try Upload(m)
      try upload.write([1], to: "chunk_0")
      try Files.write("x", to: m["\(month)/a.dcm"])
      let paths = [
        "images/user-7", "images/user-7/2026", month, "\(month)/a.dcm", upload.path, "\(upload.path)/chunk_0",
      ]
      for path in paths {
        #expect(errnoOf { chmod(m[path], 0o705) } == ErrnoName(0), "\(path)")
        #expect(errnoOf { chown(m[path], 77, 78) } == ErrnoName(0), "\(path)")
      }
      try m.remount()
      for path in paths {
        for full in [m[path], m.stored(path)] {
          let stat = try Files.stat(full)
          #expect(stat.st_mode & 0o7777 == 0o705 && stat.st_uid == 77 && stat.st_gid == 78, "\(full)")
        }
      }
    }
  }

  @Test("A write by an unprivileged user clears set-user-ID and set-group-ID")
  func privilegesCleared() throws {
    try withMount("-o", "allow_other") { m in
      try m.sh(
        """
        chmod 0777 "$M" "$M/temp" "$M/temp/processing"
        for name in write append truncate; do
          \(asOther) sh -c "echo content > '$M/temp/processing/$name'"
          chmod 6777 "$M/temp/processing/$name"
        done
        \(asOther) sh -c 'echo x > "$M/temp/processing/write"'
        \(asOther) sh -c 'echo x >> "$M/temp/processing/append"'
        \(asOther) truncate -s 2 "$M/temp/processing/truncate"
        """)
      for name in ["write", "append", "truncate"] {
        #expect(try Files.mode(m["temp/processing/\(name)"]) & 0o6000 == 0, "\(name)")
        #expect(try Files.mode(m.stored("temp/processing/\(name)")) & 0o6000 == 0, "\(name) in the storage root")
      }
    }
  }
}
