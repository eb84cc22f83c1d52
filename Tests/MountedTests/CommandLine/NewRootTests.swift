import Glibc
import Testing

/// Where a store begins, and where it does not: an empty folder is most likely a mount point whose disk is missing.
@Suite("A new storage root", .mounting, .timeLimit(.minutes(15)))
struct NewRootTests {
  private func refuses(
    _ m: MountedRoot, _ options: String, table: String = "", says: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let listing = "find . ! -name '.out.*' ! -name '.err.*' -printf '%p %y %m\\n' | LC_ALL=C sort"
    let before = try m.sh(listing)
    let outcome = try m.run("LIBMOUNT_FSTAB=\(quoted(table)) \"$B\" mount \"$M\" --root \(options)")
    #expect(outcome.status == 1 && outcome.errors.isOneLine, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.errors.contains(says), "\(outcome)", sourceLocation: sourceLocation)
    let after = try m.sh(listing)
    #expect(before == after, sourceLocation: sourceLocation)
  }

  private func begins(
    _ m: MountedRoot, _ options: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try m.run("LIBMOUNT_FSTAB=\"$D/table\" \"$B\" mount \"$M\" --root \(options) 2>> server.log")
    #expect(outcome.status == 0, "\(outcome)\n\(m.logTail)", sourceLocation: sourceLocation)
    try m.unmount(sourceLocation: sourceLocation)
  }

  @Test("none beneath a mount point whose file system is not mounted, unless it is asked for")
  func missingFileSystem() throws {
    try withoutMount { m in
      try Files.write("# disks\n/dev/disk/by-label/x \(m.folder)/disk ext4 nofail 0 2\n", to: m.beside("table"))
      try m.sh("mkdir -p disk/there/images")
      for root in ["disk", "disk/new", "disk/there"] {
        let says = "the file system that belongs at \(m.folder)/disk is not mounted"
        try refuses(m, root, table: m.beside("table"), says: says)
        try refuses(m, "\(root) --existing", table: m.beside("table"), says: says)
      }
      try begins(m, "disk/new --create")
      // It is a store from now on.
      try begins(m, "disk/new")
      try begins(m, "disk/new --existing")
      #expect(try Files.names(in: m.beside("disk")) == ["new", "there"])
    }
  }

  @Test("one beneath a mount point where the file system is mounted", .needs("unshare", "mount"))
  func mountedFileSystem() throws {
    try withoutMount { m in
      try m.shPrivately(
        """
        mkdir "$D/disk"
        echo "none $D/disk tmpfs defaults 0 0" > "$D/table"
        export LIBMOUNT_FSTAB=$D/table
        refused "$B" mount "$M" --root "$D/disk" | grep -q 'is not mounted'
        mount -t tmpfs none "$D/disk"
        "$B" mount "$M" --root "$D/disk"
        test -f "$D/disk/.mammofs/lock"
        "$B" unmount "$M"
        umount "$D/disk"
        refused "$B" mount "$M" --root "$D/disk" | grep -q 'is not mounted'
        test -z "$(ls -A "$D/disk")"
        """)
    }
  }

  @Test("none in a folder that holds other things, one in an empty one or a restored tree")
  func folders() throws {
    try withoutMount { m in
      try m.sh(
        """
        mkdir -p home/photos empty/lost+found restored/thumbnails
        touch table home/photos/1 restored/notes.txt
        """)
      try refuses(m, "home", says: "other things, such as photos; choose an empty folder")
      for root in ["empty", "restored", "new"] { try refuses(m, "\(root) --existing", says: "no .mammofs/lock") }
      for root in ["empty", "restored", "new", "home --create"] { try begins(m, root) }
      #expect(Files.exists(m.beside("home/photos/1")) && Files.exists(m.beside("home/images")))
      let both = try m.run("\"$B\" mount \"$M\" --root home --create --existing")
      #expect(both.status == 64, "\(both)")
    }
  }

  @Test("none by a command that only looks or tidies up, which leaves everything as it is")
  func otherCommands() throws {
    try withoutMount { m in
      try m.sh(
        """
        mkdir -p home/images/user-1/2026/11 home/temp/processing empty mine/.mammofs mine/images
        touch -d '9 days ago' home/temp/processing/old home/images/user-1/2026/11/a.dcm
        """)
      let listing = "find home empty mine -printf '%p %y %m %T@\\n' | LC_ALL=C sort"
      let before = try m.sh(listing)
      for command in ["stats", "cleanup --older-than 0", "cleanup --dry-run", "verify", "verify --check-only"] {
        for folder in ["home", "empty", "mine", "home/images/user-1"] {
          let outcome = try m.run("\"$B\" \(command) \(folder)")
          #expect(outcome.status == (command.hasPrefix("verify") ? 2 : 1), "\(command) \(folder): \(outcome)")
          #expect(outcome.errors.isOneLine, "\(command) \(folder): \(outcome)")
          guard folder == "home" || folder == "mine" else { continue }
          #expect(outcome.errors.contains("has no .mammofs/lock; mount it once"), "\(command): \(outcome)")
        }
      }
      #expect(try m.sh("\(listing)") == before)
      try begins(m, "home")
      try m.sh("\"$B\" stats home && \"$B\" verify home && \"$B\" cleanup home --dry-run")
    }
  }

  @Test("A root of before is one, whatever else it holds; the helper asks for one with the option existing")
  func helper() throws {
    let helper = "\(Prerequisites.package)/mount-scripts/mount.mammofs"
    try withoutMount { m in
      let command = "MAMMOFS=\"$B\" \(quoted(helper)) \"$R\" \"$M\" -o nofail,existing"
      let refused = try m.run(command)
      #expect(refused.status == 32 && refused.errors.contains("is no storage root"), "\(refused)")
      try m.mount()
      try m.unmount()
      try m.sh("touch \"$R/notes.txt\"")
      try m.sh("\(command) 2>> server.log")
      #expect(m.isMounted)
    }
  }
}
