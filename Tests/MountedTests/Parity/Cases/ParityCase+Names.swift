extension ParityCase {
  /// `rename` and its flags, `unlink`, and what names may be.
  static let names: [ParityCase] = [
    ParityCase(
      "A renamed file keeps what it is", alsoInImages: true,
      """
      put("a", b"content"); chmod("a", 0o640); utimens("a", 5, 6); setxattr("a", "user.k", b"v")
      rename("a", "b"); lstat("a"); stat("b"); get("b"); getxattr("b", "user.k"); names("")
      rename("a", "c"); rename("b", "b"); rename("b", "n/x"); rename("b", ""); names("")
      """),
    ParityCase(
      "A rename over a file replaces it in one step", alsoInImages: true,
      """
      put("a", b"new"); put("b", b"old"); f = open("b", RDWR); rename("a", "b")
      get("b"); fstat(f); pread(f, 9, 0); write(f, b"gone"); stat("b"); lstat("a"); close(f); get("b"); names("")
      """),
    ParityCase(
      "Writing goes on through a rename, over another file too", alsoInImages: true,
      """
      put("b", b"old"); f = open("a", RDWR|CREAT); write(f, b"one"); rename("a", "c"); write(f, b"two"); fstat(f)
      get("c"); lstat("a"); rename("c", "b"); write(f, b"three"); get("b"); close(f); get("b"); names("")
      """),
    ParityCase(
      "A chain of renames, and a name that is used again", alsoInImages: true,
      """
      for n in range(5):
          put("a", bytes([n])); rename("a", "b"); rename("b", "c"); stat("c"); put("a", b"again"); same("a", "c")
          get("c"); unlink("a")
      f = open("c", RDONLY); rename("c", "a"); put("c", b"new"); pread(f, 9, 0); same("a", "c"); get("c"); names("")
      """),
    ParityCase(
      "NOREPLACE refuses a name that is there", alsoInImages: true,
      """
      put("a", b"A"); put("b", b"B"); rename2("a", "b", NOREPLACE); get("a"); get("b")
      rename2("a", "a", NOREPLACE); rename2("a", "c", NOREPLACE); rename2("n", "d", NOREPLACE); names("")
      """),
    ParityCase(
      "EXCHANGE swaps two files that are open", alsoInImages: true,
      """
      put("a", b"A"); put("b", b"BB"); f = open("a", RDWR); g = open("b", RDWR); chmod("b", 0o600)
      rename2("a", "b", EXCHANGE); stat("a"); stat("b"); write(f, b"f"); write(g, b"g"); get("a"); get("b")
      rename2("a", "n", EXCHANGE); rename2("n", "a", EXCHANGE); rename2("a", "a", EXCHANGE)
      close(f); close(g); unlink("a"); get("b"); names("")
      """),
    ParityCase(
      "EXCHANGE swaps a file with a full folder",
      """
      put("a", b"A"); mkdir("d"); put("d/x", b"X"); mkdir("d/e"); rename2("a", "d", EXCHANGE)
      get("a/x"); get("d"); rename2("a", "a/e", EXCHANGE); rename2("a/x", "d", EXCHANGE); get("d"); names("a")
      """),
    ParityCase(
      "Unknown flags, and flags that contradict each other, change nothing", alsoInImages: true,
      """
      put("a", b"A"); put("b", b"B")
      for flags in (NOREPLACE|EXCHANGE, UNKNOWN, UNKNOWN|NOREPLACE, WHITEOUT): rename2("a", "b", flags)
      get("a"); get("b"); names("")
      """),
    ParityCase(
      "unlink takes one name away, and no folder", alsoInImages: true,
      """
      put("a", b"A"); unlink("a"); unlink("a"); unlink("n/x"); unlink(""); lstat("a"); names("")
      put("a", b"again"); get("a"); unlink("a/x"); unlink("a/"); stat("a")
      """),
    ParityCase(
      "A name is as long as 255 bytes and no longer", alsoInImages: true,
      """
      put("x" * 255, b"1"); put("x" * 256, b"2"); lstat("x" * 256); rename("x" * 255, "y" * 256)
      put("é" * 127, b"3"); put("é" * 128, b"4"); unlink("x" * 256); mkdir("x" * 256); names(""); get("n" * 5000)
      """),
    ParityCase(
      "Odd names are names", alsoInImages: true,
      """
      for name in (" ", "a b", "-", "--help", "a\\\\b", "*", "\\u202eb", "日本", "é", "e\\u0301", "A", "a"):
          put(name, name.encode()); stat(name)
      names(""); rename("é", "e\\u0301"); names(""); rename("a", "A"); names(""); get("A")
      """),
    ParityCase(
      "Names that are no text are refused", alsoInImages: true,
      """
      open(b"\\xff", RDWR|CREAT); open(b"\\xff", RDONLY); open("tab\\t", RDWR|CREAT); names("")
      """),
    ParityCase(
      "A path of many folders, and one that is too long",
      """
      path = ""
      for n in range(15):
          path += "n" * 200 + "/"; mkdir(path[:-1])
      put(path + "a", b"deep"); get(path + "a"); stat(path + "a"); stat(path * 2); rename(path + "a", "a"); get("a")
      """),
  ]
}
