import Testing

/// Folders that are moved from one tree into another.
@Suite("Folders between trees", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct MovedFolderTests {
  @Test("are refused with EXDEV where a copy is taken, else with EPERM")
  func errnos() throws {
    try withMount { m in
      try m.python(
        #"""
        names = {"user": "user-7", "year": "user-7/2026", "month": "user-7/2026/11"}
        new = {"user": "user-9", "year": "user-7/2027", "month": "user-7/2026/12"}
        for area in ("images", "thumbnails"): os.makedirs(f"{M}/{area}/{names['month']}")
        work, uploads = M + "/temp/processing", M + "/temp/uploads"
        os.makedirs(work + "/folder"); os.mkdir(uploads + "/s"); os.mkdir(uploads + "/t")
        for area, other in (("images", "thumbnails"), ("thumbnails", "images")):
            for level in names:
                here = f"{M}/{area}/{names[level]}"
                refused(errno.EXDEV, os.rename, here, f"{M}/{other}/{new[level]}")
                refused(errno.EXDEV, os.rename, here, work + "/moved")
                refused(errno.EXDEV, os.rename, work + "/folder", f"{M}/{area}/{new[level]}")
                refused(errno.EPERM, os.rename, here, uploads + "/new")
                for else_ in set(names) - {level}:
                    refused(errno.EPERM, os.rename, here, f"{M}/{other}/{new[else_]}")
                    # The kernel itself refuses to put a folder into itself.
                    if not new[else_].startswith(names[level]):
                        refused(errno.EPERM, os.rename, here, f"{M}/{area}/{new[else_]}")
        refused(errno.EXDEV, os.rename, uploads + "/s", work + "/s")
        refused(errno.EXDEV, os.rename, work + "/folder", uploads + "/new")
        refused(errno.EXDEV, os.rename, uploads + "/s", f"{M}/images/{new['month']}")
        refused(errno.EPERM, os.rename, uploads + "/s", f"{M}/thumbnails/{new['month']}")
        for level in ("user", "year"): refused(errno.EPERM, os.rename, uploads + "/s", f"{M}/images/{new[level]}")
        refused(errno.EPERM, os.rename, uploads + "/s", uploads + "/u")
        refused(errno.EPERM, os.rename, uploads + "/s", uploads + "/t")
        refused(errno.EXDEV, renameat2, work + "/folder", f"{M}/images/{names['user']}", EXCHANGE)
        # Special files are taken by no session, as a copy neither.
        os.symlink("x", work + "/link"); os.mkfifo(work + "/fifo")
        for name in ("link", "fifo"):
            refused(errno.EPERM, os.rename, f"{work}/{name}", uploads + "/s/chunk_0")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("mv copies them")
  func moved() throws {
    try withMount { m in
      try m.sh(
        """
        mkdir -p "$M/images/user-7/2026/11" "$M/temp/uploads/s"
        echo image > "$M/images/user-7/2026/11/a_thumb.jpg"
        mv "$M/images/user-7" "$M/thumbnails/"
        test "$(cat "$M/thumbnails/user-7/2026/11/a_thumb.jpg")" = image
        test ! -e "$M/images/user-7"
        mv "$M/thumbnails/user-7" "$M/temp/processing/user-7"
        mv "$M/temp/processing/user-7" "$M/images/"
        test "$(cat "$M/images/user-7/2026/11/a_thumb.jpg")" = image
        echo 0 > "$M/temp/uploads/s/chunk_0"
        mv "$M/temp/uploads/s" "$M/temp/processing/s"
        test ! -e "$M/temp/uploads/s"
        mv "$M/temp/processing/s" "$M/temp/uploads/again"
        echo temp/processing/whole > "$M/temp/uploads/again/.complete"
        test "$(cat "$M/temp/processing/whole")" = 0
        """)
      try m.expectStatsAsWalked()
    }
  }
}
