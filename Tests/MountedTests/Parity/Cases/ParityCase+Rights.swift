extension ParityCase {
  /// Owners, modes and groups: who may do what.
  static let rights: [ParityCase] = [
    ParityCase(
      "What is made belongs to who made it, less the umask",
      """
      for mask in (0, 0o022, 0o077, 0o777):
          umask(mask); become(1000, 2000)
          close(open(f"f{mask}", RDWR|CREAT, 0o6777)); mkdir(f"d{mask}", 0o1777); mkfifo(f"p{mask}", 0o777)
          mknod(f"n{mask}", REG|0o666); symlink("x", f"l{mask}")
          for kind in "fdpnl": lstat(f"{kind}{mask}")
          become(0)
      umask(0o022)
      """),
    ParityCase(
      "A new file belongs to who made it, less the umask", alsoInImages: true,
      """
      for mask in (0, 0o022, 0o077, 0o777):
          umask(mask); become(1000, 2000); close(open(f"f{mask}", RDWR|CREAT, 0o6777)); lstat(f"f{mask}"); become(0)
      umask(0o022)
      """),
    ParityCase(
      "A mode lets the owner, the group and others in, or not", alsoInImages: true,
      """
      put("a", b"x"); chown("a", 1000, 2000)
      for mode in (0o400, 0o200, 0o040, 0o020, 0o004, 0o002, 0o660, 0):
          chmod("a", mode)
          for user, groups in ((0, ()), (1000, ()), (1001, (2000,)), (1002, (3000, 2000)), (1003, ())):
              become(user, user, *groups); close(open("a", RDONLY)); close(open("a", WRONLY)); access("a", R_OK|W_OK)
              truncate("a", 1); access("a", X_OK); become(0)
      """),
    ParityCase(
      "A folder's mode says who may list it, pass it and change it",
      """
      mkdir("d"); put("d/a", b"x"); chmod("d/a", 0o666); chown("d", 1000, 2000)
      for mode in (0o700, 0o070, 0o007, 0o111, 0o444, 0o222, 0o555, 0o333):
          chmod("d", mode)
          for user, groups in ((1000, ()), (1001, (2000,)), (1002, ())):
              become(user, user, *groups); names("d"); get("d/a"); lstat("d/a"); put("d/b", b"y"); rename("d/b", "d/c")
              unlink("d/c"); mkdir("d/e"); rmdir("d/e"); link("d/a", "d/l"); unlink("d/l"); become(0)
      """),
    ParityCase(
      "In a sticky folder only the owner removes and renames",
      """
      mkdir("d"); chmod("d", 0o1777)
      for name in ("a", "b", "c"):
          put("d/" + name, b"x"); chmod("d/" + name, 0o666); chown("d/" + name, 1000, 1000)
      become(1001); unlink("d/a"); rename("d/a", "d/z")
      put("d/own", b"y"); rename("d/own", "d/a"); rename("d/own", "o")
      become(1000); unlink("d/a"); rename("d/b", "d/z"); become(0); unlink("d/c"); names("d"); names("")
      """),
    ParityCase(
      "Only the owner changes the mode, and gives a file to groups of his own", alsoInImages: true,
      """
      put("a", b"x"); chown("a", 1000, 1000); become(1001)
      chmod("a", 0o777); chown("a", 1001, -1); chown("a", -1, 1001)
      chown("a", -1, -1); become(1000, 1000, 3000); chmod("a", 0o640)
      chown("a", -1, 3000); stat("a"); chown("a", -1, 4000)
      chown("a", 1001, -1); chown("a", 1000, 1000); stat("a"); f = open("a", RDWR); fchown(f, -1, 3000); fstat(f)
      become(0); chown("a", 5, 6); stat("a"); fchmod(f, 0o7777); fstat(f)
      """),
    ParityCase(
      "A folder with set-group-ID hands down its group, and a folder the bit as well",
      """
      mkdir("d"); chown("d", 0, 2000); chmod("d", 0o2777); become(1001)
      put("d/a", b"x"); mkdir("d/e"); mkdir("d/f", 0o700)
      mkfifo("d/p", 0o600); symlink("x", "d/l"); mknod("d/n", REG|0o644)
      close(open("d/x", RDWR|CREAT, 0o2775))
      for name in names("d"): lstat("d/" + name)
      put("d/e/a", b"x"); stat("d/e/a"); put("m", b"x")
      rename("m", "d/m"); stat("d/m"); chmod("d/e", 0o755); stat("d/e")
      """),
    ParityCase(
      "An open file stays open for who lost the right to it", alsoInImages: true,
      """
      put("a", b"x"); chown("a", 1000, 1000); become(1000)
      f = open("a", RDWR); become(0); chown("a", 0, 0); chmod("a", 0)
      become(1000); write(f, b"yes"); pread(f, 9, 0); ftruncate(f, 2); fsync(f); fchmod(f, 0o666); open("a", RDONLY)
      fallocate(f, KEEP_SIZE, 0, 9000); fstat(f); close(f); become(0); get("a")
      """),
  ]
}
