import Testing

/// Any user may make a FUSE mount that calls itself mammofs, of whatever root.
@Suite("A mount that claims a storage root", .mounting, .mountingAsUser, .needs("python3"), .timeLimit(.minutes(15)))
struct ClaimedRootTests {
  @Test("is not believed where its user has nothing to say there", arguments: ["$R", "/"])
  func pretended(root: String) throws {
    try withMount { m in
      try m.month()
      try Files.write("x", to: m["images/user-7/2026/11/a.dcm"])
      try m.unmount()
      try Files.write(Self.pretender, to: m.beside("pretender.py"))
      try m.shPrivately(
        #"""
        mkfifo "$D/end"
        user mkdir "$U/mnt"
        python3 "$D/pretender.py" "$U/mnt" "ROOT" < "$D/end" &
        exec 9> "$D/end"
        until grep -q " $U/mnt fuse.mammofs " /proc/self/mounts; do kill -0 $!; sleep 0.01; done
        "$B" stats "$R" | grep -q '1 B in 1 file'
        "$B" cleanup "$R"
        "$B" verify "$R" | grep -q '1 file verified\|1 given one\|not yet'
        "$B" mount "$M" --root "$R"
        "$B" stats "$M" | grep -q '1 B in 1 file'
        "$B" unmount "$M"
        # That it is where it is is true all the same.
        refused "$B" mount "$U/mnt" --root "$D/other" | grep -q 'mounted already'
        exec 9>&-
        wait
        umount -l "$U/mnt"
        """#.replacing("ROOT", with: root))
      try m.mount()
    }
  }

  /// Has a user's fusermount3 mount at its first argument as if mammofs had, of its second, and serves nothing until its
  /// input ends.
  private static let pretender = """
    import os, socket, subprocess, sys
    ours, theirs = socket.socketpair()
    subprocess.run(
        ["fusermount3", "-o", f"fsname={sys.argv[2]},subtype=mammofs", "--", sys.argv[1]], check=True,
        user=65534, group=65534, extra_groups=[], env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno())}, pass_fds=[theirs.fileno()])
    message, descriptors, *_ = socket.recv_fds(ours, 1, 1)
    sys.stdin.read()
    """
}
