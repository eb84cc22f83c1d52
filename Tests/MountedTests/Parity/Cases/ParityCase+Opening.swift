extension ParityCase {
  /// `open`, with all that its flags mean.
  static let opening: [ParityCase] = [
    ParityCase(
      "A file is created, written, closed and read back", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT, 0o640)
      fstat(f); stat("a"); names("")
      write(f, b"one"); fstat(f); stat("a")
      pread(f, 9, 0); read(f, 9)
      close(f); stat("a"); get("a")
      """),
    ParityCase(
      "O_EXCL refuses what is there, be it a file, a folder or a dangling link",
      """
      put("a", b"x"); mkdir("d"); symlink("nowhere", "l")
      for name in ("a", "d", "l", "l/x"): open(name, RDWR|CREAT|EXCL)
      open("l", RDWR|CREAT); lstat("nowhere"); kinds("")
      """),
    ParityCase(
      "O_EXCL refuses a file that is there", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT|EXCL); open("a", RDWR|CREAT|EXCL); close(f)
      open("a", RDWR|CREAT|EXCL); unlink("a"); open("a", RDWR|CREAT|EXCL)
      """),
    ParityCase(
      "O_TRUNC empties a file that others have open", alsoInImages: true,
      """
      put("a", b"content"); f = open("a", RDWR)
      g = open("a", WRONLY|TRUNC); fstat(f); fstat(g); pread(f, 9, 0)
      pwrite(g, b"x", 3); pread(f, 9, 0); close(g); stat("a")
      utimens("a", 1, 1); close(open("a", WRONLY|CREAT|TRUNC)); stat("a")
      """),
    ParityCase(
      "O_TRUNC empties a file that is opened for reading only", alsoInImages: true,
      """
      put("a", b"content"); f = open("a", RDONLY|TRUNC); fstat(f); write(f, b"x"); close(f); stat("a")
      put("a", b"content"); chmod("a", 0o444); become(1000); open("a", RDONLY|TRUNC); get("a")
      """),
    ParityCase(
      "Each write of O_APPEND goes to the end, whoever made the file longer", alsoInImages: true,
      """
      f = open("a", WRONLY|APPEND|CREAT); g = open("a", RDWR|APPEND)
      write(f, b"one"); write(g, b"two"); write(f, b"three"); pread(g, 99, 0)
      ftruncate(g, 2); write(f, b"!"); lseek(f, 0, SEEK_CUR); pread(g, 99, 0)
      pwrite(f, b"?", 0); pread(g, 99, 0)
      """),
    ParityCase(
      "What a descriptor was not opened for is refused", alsoInImages: true,
      """
      put("a", b"content")
      f = open("a", RDONLY); write(f, b"x"); ftruncate(f, 1); fallocate(f, KEEP_SIZE, 0, 9); pread(f, 9, 0)
      g = open("a", WRONLY); pread(g, 9, 0); mapread(g, 4); write(g, b"C"); fsetxattr(g, "user.a", b"1")
      fchmod(f, 0o600); fsetxattr(f, "user.b", b"2"); futimens(f, 1, 2); fsync(f); stat("a"); get("a")
      """),
    ParityCase(
      "Folders are not opened for writing, and files are no folders",
      """
      mkdir("d"); put("a", b"x")
      for flags in (RDONLY, WRONLY, RDWR, RDONLY|CREAT, RDONLY|TRUNC, RDONLY|DIRECTORY): open("d", flags)
      for path in ("a/", "a/x", "n/", "a/.", "d/a/b"): open(path, RDWR|CREAT)
      open("a", RDONLY|DIRECTORY); open("n", RDONLY); mkdir("a/x"); stat("a/x"); names("")
      """),
    ParityCase(
      "O_NOFOLLOW refuses a link at the end of a path only",
      """
      mkdir("d"); put("d/a", b"x"); symlink("d", "l"); symlink("a", "d/m")
      open("l/a", RDONLY|NOFOLLOW); open("d/m", RDONLY|NOFOLLOW); open("l", RDONLY|DIRECTORY|NOFOLLOW)
      open("l", RDONLY|DIRECTORY); get("l/m")
      """),
    ParityCase(
      "A file of mode 0 is written through the descriptor that made it", alsoInImages: true,
      """
      become(1000)
      f = open("a", RDWR|CREAT, 0); write(f, b"secret"); pread(f, 9, 0); fstat(f)
      open("a", RDONLY); open("a", WRONLY); reopen(f, RDONLY); ftruncate(f, 3); close(f); stat("a")
      chmod("a", 0o400); open("a", RDWR); get("a")
      """),
    ParityCase(
      "A duplicate shares the offset, a second open does not", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); g = dup(f); h = open("a", RDWR)
      write(f, b"one"); write(g, b"two"); lseek(f, 0, SEEK_CUR); lseek(h, 0, SEEK_CUR); read(h, 9)
      close(f); write(g, b"three"); stat("a"); close(g); close(h); get("a")
      """),
    ParityCase(
      "A file without a name is not to be had", alsoInImages: true,
      """
      f = open("", RDWR|TMPFILE, 0o600); names("")
      """),
  ]
}
