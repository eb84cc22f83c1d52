extension ParityCase {
  /// Links of both kinds, and special files.
  static let links: [ParityCase] = [
    ParityCase(
      "Hard links are one file",
      """
      put("a", b"one"); link("a", "b"); mkdir("d"); link("b", "d/c"); stat("a"); same("a", "b"); same("a", "d/c")
      f = open("d/c", RDWR|APPEND); write(f, b" two"); get("a")
      chmod("b", 0o600); stat("d/c"); truncate("a", 2); fstat(f)
      unlink("a"); fstat(f); stat("b"); rename("d/c", "a")
      stat("a"); unlink("b"); unlink("a"); fstat(f); write(f, b"x")
      pread(f, 9, 0)
      """),
    ParityCase(
      "rename of one name of a file over another does nothing",
      """
      put("a", b"x"); link("a", "b"); rename("a", "b"); names(""); stat("a"); rename2("a", "b", EXCHANGE); stat("b")
      rename2("a", "b", NOREPLACE); put("c", b"y"); rename("c", "b"); stat("a"); get("a"); get("b"); names("")
      """),
    ParityCase(
      "What cannot be linked is refused",
      """
      put("a", b"x"); mkdir("d"); link("a", "a"); link("a", "d"); link("d", "e"); link("n", "m"); link("a", "n/x")
      link("a", "x" * 256); stat("a"); names("")
      """),
    ParityCase(
      "A link through a descriptor names the file that is open",
      """
      put("a", b"x"); f = open("a", RDWR); rename("a", "b")
      put("a", b"other"); linkfile(f, "c"); get("c"); same("b", "c")
      fstat(f); unlink("b"); unlink("c"); linkfile(f, "d"); fstat(f); names("")
      """),
    ParityCase(
      "Links, folders and special files stay out of a month folder", alsoInImages: true,
      """
      put("a", b"x"); mkdir("d"); symlink("a", "l"); link("a", "b"); mkfifo("p", 0o600); mknod("r", REG|0o600)
      mknod("s", SOCK|0o600); mknod("c", CHR|0o600, device(1, 3)); f = open("a", RDWR); linkfile(f, "e"); get("a")
      """),
    ParityCase(
      "Symbolic links say what they were given",
      """
      for number, target in enumerate(("x", "/", "../..", "a" * 255, "n/" * 2000, "é", " ", b"\\xff\\xfe")):
          symlink(target, f"l{number}"); readlink(f"l{number}"); lstat(f"l{number}")
      symlink("", "e"); symlink("a" * 4096, "e"); symlink("x", "l0"); symlink("x", "n/l"); kinds("")
      """),
    ParityCase(
      "Symbolic links are followed, but not for ever",
      """
      mkdir("d"); put("d/a", b"x"); symlink("d", "l"); symlink("l/a", "m")
      get("m"); stat("m"); lstat("m"); put("l/b", b"y")
      symlink("loop", "loop"); stat("loop"); open("loop", RDONLY)
      open("loop/x", RDONLY|CREAT); rename("l", "k"); get("m")
      readlink("d"); readlink("d/a"); readlink("n"); unlink("k")
      names("d"); symlink("m2", "m1"); put("m1", b"z"); kinds("")
      """),
    ParityCase(
      "Owner and times of a link are its own",
      """
      put("a", b"x"); utimens("a", 1, 2); symlink("a", "l")
      lchown("l", 7, 8); lutimens("l", 5, 6); lstat("l"); stat("a")
      chown("l", 9, 10); chmod("l", 0o600); stat("a"); lstat("l")
      link("l", "m"); lstat("m"); rename("m", "o"); readlink("o")
      setxattr("l", "user.k", b"v"); getxattr("a", "user.k")
      """),
    ParityCase(
      "Fifos, sockets, devices and plain nodes are made and move like files",
      """
      mkfifo("p", 0o640); mknod("s", SOCK|0o600); mknod("c", CHR|0o620, device(1, 3)); mknod("r", REG|0o604)
      for name in ("p", "s", "c", "r"):
          lstat(name); chmod(name, 0o611); chown(name, 7, 8); utimens(name, 5, 6); lstat(name); link(name, name + "2")
          lstat(name); rename(name, name + "3"); unlink(name + "2"); lstat(name + "3"); mkfifo(name + "3", 0o600)
      become(1000); mknod("null", CHR|0o666, device(1, 3)); open("s3", RDWR); names("")
      """),
  ]
}
