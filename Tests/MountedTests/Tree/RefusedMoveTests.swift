import Testing

/// Moves and special files that a place does not take.
@Suite("What a place does not take", .mounting, .needs("python3", "setpriv"), .timeLimit(.minutes(15)))
struct RefusedMoveTests {
  @Test("is refused with its errno, and changes nothing")
  func refused() throws {
    try withMount("-o", "allow_other") { m in
      try m.month()
      try m.python(
        #"""
        month, session, work = M + "/images/user-7/2026/11", M + "/temp/uploads/s", M + "/temp/processing"
        os.mkdir(session)
        put(session + "/chunk_0", b"0")
        put(month + "/a.dcm", b"a")
        put(month + "/b.dcm", b"b")
        put(work + "/linked", b"l")
        os.link(work + "/linked", work + "/other")
        os.mkdir(work + "/folder")
        os.symlink("a", work + "/symlink")
        before = {folder: sorted(os.listdir(folder)) for folder in (month, session, work)}

        refused(errno.EPERM, os.mkfifo, session + "/.fifo")
        refused(errno.EPERM, socket.socket(socket.AF_UNIX).bind, session + "/.socket")
        refused(errno.EPERM, os.mkfifo, month + "/fifo.dcm")
        refused(errno.EXDEV, os.link, month + "/a.dcm", work + "/a")
        refused(errno.EXDEV, os.rename, work + "/linked", month + "/l.dcm")
        refused(errno.EPERM, os.rename, session + "/chunk_0", session + "/.complete")
        refused(errno.EXDEV, os.rename, session + "/chunk_0", month + "/c.dcm")
        refused(errno.EPERM, os.rename, M + "/images/user-7/2026", M + "/thumbnails/user-7")
        refused(errno.EXDEV, os.rename, M + "/images/user-7/2026", work + "/2026")
        refused(errno.EPERM, renameat2, month + "/a.dcm", work + "/folder", EXCHANGE)
        refused(errno.EPERM, renameat2, month + "/a.dcm", work + "/symlink", EXCHANGE)
        for virtual in (M + "/.stats", M + "/.errors", M + "/images/user-7/.stats", session + "/.stats"):
            refused(errno.EPERM, os.chmod, virtual, 0o600)
            refused(errno.EPERM, os.chown, virtual, 7, 7)
            refused(errno.EPERM, os.utime, virtual, (1, 1))
            assert os.listxattr(virtual) == []
        put(session + "/.complete", b"images/user-7/2026/11/done.dcm")
        refused(errno.EPERM, os.rename, session + "/.complete", session + "/.x")

        before[month].append("done.dcm")
        before[session] = [".complete"]
        after = {folder: sorted(os.listdir(folder)) for folder in (month, session, work)}
        assert after == {folder: sorted(names) for folder, names in before.items()}, after
        assert get(month + "/a.dcm") == b"a" and get(month + "/done.dcm") == b"0"
        """#)
      try m.sh(
        """
        chmod 0777 "$M" "$M/temp" "$M/temp/processing"
        fails setpriv --reuid 1234 --regid 1234 --clear-groups mknod "$M/temp/processing/device" c 1 3
        test ! -e "$M/temp/processing/device"
        """)
      #expect(try m.refusals().contains { $0.contains("an image has one name") })
      try m.expectStatsAsWalked()
    }
  }
}
