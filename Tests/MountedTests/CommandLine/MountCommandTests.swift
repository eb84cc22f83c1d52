import Glibc
import Testing

/// `mammofs mount` and `mammofs unmount`.
@Suite("mount and unmount", .mounting, .timeLimit(.minutes(15)))
struct MountCommandTests {
  @Test("mount returns once the mount answers, and makes the tree where it is missing")
  func answers() throws {
    try withoutMount { m in
      try m.sh(
        """
        rmdir "$R"
        "$B" mount "$M" --root "$R" 2>> server.log
        cat "$M/.stats" && ls "$M/images"
        """)
      #expect(m.isMounted)
      let line = try m.sh("grep \" $M \" /proc/self/mounts")
      #expect(line.contains("fuse.mammofs") && line.contains("nosuid") && line.contains("nodev"), "\(line)")
      #expect(line.contains("default_permissions"), "\(line)")
    }
  }

  @Test("unmount returns when the server has gone and all is on disk")
  func unmounts() throws {
    try withMount { m in
      let month = try m.month()
      try m.sh(
        """
        for i in $(seq 50); do head -c 50000 /dev/urandom > "$M/\(month)/$i.dcm"; done
        cp -r "$M/images" out
        """)
      let outcome = try m.run("\"$B\" unmount \"$M\"")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(m.servers.isEmpty, "the server is still there")
      #expect(!m.isMounted)
      try m.sh("diff -r out \"$R/images\"")
      let again = try m.run("\"$B\" unmount \"$M\"")
      #expect(again.status == 1 && !again.errors.isEmpty, "\(again)")
    }
  }

  @Test("A busy mount is not unmounted, and a sentence says so")
  func busy() throws {
    try withMount { m in
      let outcome = try m.run("cd \"$M/images\" && \"$B\" unmount \"$M\"")
      #expect(outcome.status == 1 && outcome.errors.isOneLine, "\(outcome)")
      #expect(m.isMounted)
      #expect(try m.stats().fileCount == 0)
    }
  }

  @Test("A storage root is mounted once, and a mount point holds one mount")
  func twice() throws {
    try withMount { m in
      let month = try m.month()
      try Files.makeFolder(m.beside("second"))
      let second = try m.run("\"$B\" mount second --root \"$R\"")
      #expect(second.status == 1 && !second.errors.isEmpty, "\(second)")
      #expect(!m.isMounted(at: m.beside("second")))
      let same = try m.run("\"$B\" mount \"$M\" --root \"$R\"")
      #expect(same.status == 1, "\(same)")
      let other = try m.run("\"$B\" mount \"$M\" --root other")
      #expect(other.status == 1, "\(other)")
      #expect(m.mountCount == 1)
      try Files.write("x", to: m["\(month)/a.dcm"])
    }
  }

  @Test("A mount right after umount(8) waits for the server that is still writing")
  func afterUmount() throws {
    try withMount { m in
      try m.month()
      try m.sh(
        #"""
        for round in $(seq 10); do
          for image in 1 2 3 4 5; do head -c 2000000 /dev/zero > "$M/images/user-7/2026/11/$round.$image"; done
          umount "$M"
          "$B" mount "$M" --root "$R" 2>> server.log
        done
        """#)
      #expect(try m.countedStats().images.count == 50)
    }
  }

  @Test("In the foreground it runs until it is unmounted or told to end", arguments: ["unmount", "signal"])
  func foreground(end: String) throws {
    try withoutMount { m in
      try m.sh(
        #"""
        "$B" mount "$M" --root "$R" --foreground 2>> server.log &
        server=$!
        for attempt in $(seq 500); do
          if test -e "$M/.stats"; then break; fi
          sleep 0.02
        done
        mkdir -p "$M/images/user-7/2026/11"; echo x > "$M/images/user-7/2026/11/a.dcm"
        kill -0 $server
        if test "$END" = unmount; then "$B" unmount "$M"; else kill -TERM $server; fi
        wait $server
        grep -q x "$R/images/user-7/2026/11/a.dcm"
        """#, ["END": end])
      #expect(!m.isMounted)
    }
  }

  @Test("What was in the storage root and is none of the tree stays untouched")
  func strangers() throws {
    try withoutMount { m in
      try m.sh(
        """
        mkdir -p "$R/lost+found" "$R/images/strange/x" "$R/images/user-1/2026/11/folder"
        echo x > "$R/notes.txt"; echo x > "$R/images/strange/x/y"; echo x > "$R/images/user-1/2026/11/a.dcm"
        """)
      try m.mount()
      #expect(try Files.text(m["images/user-1/2026/11/a.dcm"]) == "x\n")
      #expect(!(try Files.names(in: m.mountPoint)).contains("notes.txt"))
      #expect(!Files.exists(m["notes.txt"]) && !Files.exists(m["lost+found"]))
      try m.unmount()
      #expect(try m.sh("cat \"$R/notes.txt\" \"$R/images/strange/x/y\"; ls -d \"$R/lost+found\" | wc -l") == "x\nx\n1")
      try m.mount()
    }
  }
}
