import Glibc
import Testing

/// Mounts that are refused change nothing.
@Suite("A refused mount", .mounting, .timeLimit(.minutes(15)))
struct RefusedMountTests {
  /// Runs a command that must exit with 1, say why in a line, and leave all folders as they were.
  private func refuses(
    _ m: MountedRoot, _ command: String, says: String? = nil, privately: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let listing = "find . -path ./mnt -prune -o ! -name '.out.*' ! -name '.err.*' -printf '%p %y %m\\n' | LC_ALL=C sort"
    let before = try m.sh(listing)
    let script = privately.map { "unshare -m bash -c '\($0); exec \(command)'" } ?? command
    let outcome = try m.run(script)
    #expect(
      outcome.status == 1 && outcome.errors.isOneLine, "\(command): \(outcome)", sourceLocation: sourceLocation)
    if let says {
      #expect(outcome.errors.contains(says), "\(command): \(outcome)", sourceLocation: sourceLocation)
    }
    let after = try m.sh(listing)
    #expect(before == after, "\(command)", sourceLocation: sourceLocation)
  }

  @Test("A root inside its own mount point, and a mount point inside a storage root")
  func nested() throws {
    try withMount { m in
      try m.sh("mkdir -p x/root y/images/user-1 z")
      for (mount, root) in [
        ("x", "x/root"), ("x", "x"), ("x", "x/new"), ("y/images/user-1", "y"), ("y/new", "y"), ("z", "y/../z/inner"),
        ("new", "new"), ("z/../y/./new", "y"), ("root/new", "other"), ("\"$R/images\"", "other"),
      ] {
        try refuses(m, "\"$B\" mount \(mount) --root \(root)", says: "choose another place")
      }
    }
  }

  @Test("A storage root that is itself a mount, or in one")
  func mountAsRoot() throws {
    try withMount { m in
      for root in ["\"$M\"", "\"$M/temp/processing\""] {
        for options in ["", "--create"] {
          try refuses(
            m, "\"$B\" mount new --root \(root) \(options)", says: "lies in the mammofs mount at \(m.mountPoint)")
        }
      }
    }
  }

  @Test("Places where nothing can be mounted or kept")
  func badPlaces() throws {
    try withoutMount { m in
      try m.sh("touch file")
      for (mount, root) in [
        ("none/at/all", "new"), ("file", "new"), ("file/in", "new"), ("new", "file"), ("new", "none/at/all"),
      ] {
        try refuses(m, "\"$B\" mount \(mount) --root \(root)")
      }
      #expect(!m.isMounted)
    }
  }

  @Test("A storage root that is in use, and a mount point that is")
  func inUse() throws {
    try withMount { m in
      try refuses(m, "\"$B\" mount second --root \"$R\"", says: m.mountPoint)
      try refuses(m, "\"$B\" mount \"$M\" --root other", says: "unmount")
      #expect(m.mountCount == 1)
    }
  }

  @Test(
    "Options that cannot be had, named alone",
    arguments: [
      ("nonsense", "nonsense"), ("ro,nonsense,noatime", "nonsense"), ("fsname=x", "fsname=x"),
      ("nodev,subtype=y", "subtype=y"), ("remount", "remount"), ("ro,uid=7", "uid=7"), ("blkdev", "blkdev"),
      ("max_read=4096", "max_read=4096"), ("auto_unmount,suid", "suid"),
    ])
  func options(given: String, named: String) throws {
    try withoutMount { m in
      for how in ["", "--foreground"] {
        try refuses(m, "\"$B\" mount new --root store -o \(given) \(how)", says: "'\(named)'")
      }
      let outcome = try m.run("\"$B\" mount new --root store -o \(given)")
      for other in given.split(separator: ",") where other != named {
        #expect(!outcome.errors.contains("'\(other)'"), "\(outcome)")
      }
    }
  }

  @Test("What the kernel refuses: all that was made on the way goes again", .needs("unshare"))
  func refusedByKernel() throws {
    try withoutMount { m in
      try m.sh("mkdir -m 755 empty; mkdir -m 755 old; mkdir -p old/images/user-1/2026/11; touch old/images/user-1/x")
      for root in ["store", "empty", "old"] {
        for how in ["", "--foreground"] {
          try refuses(
            m, "\"$B\" mount new --root \(root) \(how)", says: "cannot mount at",
            privately: "mount --bind /dev/null /dev/fuse")
        }
      }
    }
  }
}
