extension ParityCase {
  /// Folders: made, removed, moved and listed.
  static let folders: [ParityCase] = [
    ParityCase(
      "Folders count their subfolders",
      """
      mkdir("d"); stat("d"); mkdir("d/e"); mkdir("d/f"); stat("d")
      rename("d/e", "e"); stat("d"); rmdir("d/f"); stat("d")
      put("d/a", b"x"); stat("d"); mkdir("d"); mkdir("n/x")
      rename("e", "d/g"); rename("d/g", "d/h"); stat("d"); stat("")
      """),
    ParityCase(
      "rmdir takes empty folders only",
      """
      mkdir("d"); put("d/a", b"x"); rmdir("d"); unlink("d/a"); rmdir("d"); rmdir("d"); put("a", b"x"); rmdir("a")
      mkdir("e"); mkdir("e/f")
      for path in ("e", "e/.", "e/f/..", "e/f/.", "n", "n/x"): rmdir(path)
      unlink("e"); rmdir("e/f"); rmdir("e"); symlink("e", "l"); rmdir("l"); names("")
      """),
    ParityCase(
      "A folder is renamed with all that is open in it",
      """
      mkdir("d"); mkdir("d/e"); put("d/e/a", b"x"); f = open("d/e/a", RDWR)
      g = open("d/e", RDONLY|DIRECTORY); stat("d/e/a")
      rename("d", "z"); lstat("d/e/a"); stat("z/e/a"); write(f, b"more"); get("z/e/a"); fnames(g); put("z/e/b", b"new")
      fnames(g); rename("z/e", "y"); fnames(g); names("z"); put("y/c", b"x"); fnames(g); same("y/a", "y/a"); rmdir("z")
      """),
    ParityCase(
      "A folder goes over an empty one, never over a full one or a file, nor into itself",
      """
      mkdir("d"); mkdir("e"); mkdir("f"); put("f/a", b"x"); put("a", b"x")
      rename("d", "f"); rename("d", "a"); rename("a", "d"); rename("f", "e"); names("e"); names(""); rename("e", "e/x")
      mkdir("e/g"); rename("e", "e/g"); rename("e/g", "e"); rename("d", "e/g"); names("e"); rename("e", "e"); kinds("")
      """),
    ParityCase(
      "A removed folder that is open is empty and takes nothing",
      """
      mkdir("d"); f = open("d", RDONLY|DIRECTORY); rmdir("d")
      fstat(f); fnames(f); mkdir("d"); same("d", "d"); fnames(f)
      put("d/a", b"x"); fnames(f); fchmod(f, 0o700); fsync(f); close(f)
      mkdir("e"); g = open("e", RDONLY|DIRECTORY); mkdir("h"); rename("h", "e"); fstat(g); fnames(g)
      """),
    ParityCase(
      "A listing shows each name once, and its kind",
      """
      for n in range(300): put(f"file{n}", b"")
      mkdir("d"); symlink("d", "l"); mkfifo("p", 0o600); names(""); kinds(""); len(names(""))
      for n in range(0, 300, 2): unlink(f"file{n}")
      names(""); f = open("", RDONLY|DIRECTORY); fnames(f); put("late", b""); fnames(f); unlink("late"); fnames(f)
      """),
    ParityCase(
      "A folder of files is emptied while it is listed", alsoInImages: true,
      """
      for n in range(400): put(f"file{n}", b"x")
      emptied(""); names("")
      """),
    ParityCase(
      "Files of a folder are listed from open on, in every state", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); names(""); write(f, b"x"); put("b", b"x"); names(""); rename("a", "c"); names("")
      close(f); names(""); unlink("c"); names(""); g = open("b", RDWR)
      unlink("b"); names(""); put("b", b"y"); names("")
      """),
    ParityCase(
      "Making and removing moves a folder's times, writing does not",
      """
      mkdir("d"); utimens("d", 1, 1); put("d/a", b"x"); stat("d"); utimens("d", 1, 1); put("d/a", b"longer"); stat("d")
      chmod("d/a", 0o600); stat("d"); rename("d/a", "d/b"); stat("d"); utimens("d", 1, 1); link("d/b", "d/c"); stat("d")
      utimens("d", 1, 1); unlink("d/c"); stat("d"); utimens("d", 1, 1); mkdir("d/e"); stat("d"); utimens("d", 1, 1)
      rmdir("d/e"); stat("d"); utimens("d", 1, 1); symlink("x", "d/l")
      stat("d"); utimens("d", 1, 1); rename("d/b", "b")
      stat("d"); get("b"); stat("d")
      """),
  ]
}
