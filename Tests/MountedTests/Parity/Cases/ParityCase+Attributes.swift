extension ParityCase {
  /// Extended attributes.
  static let attributes: [ParityCase] = [
    ParityCase(
      "User attributes are set, read, replaced, listed and removed", alsoInImages: true,
      """
      put("a", b"x"); listxattr("a"); getxattr("a", "user.k"); removexattr("a", "user.k"); setxattr("a", "user.k", b"v")
      setxattr("a", "user.empty", b""); getxattr("a", "user.empty"); setxattr("a", "user.k", b"longer\\0\\xff")
      getxattr("a", "user.k"); listxattr("a"); removexattr("a", "user.k"); listxattr("a"); setxattr("n", "user.k", b"v")
      """),
    ParityCase(
      "XATTR_CREATE and XATTR_REPLACE", alsoInImages: true,
      """
      put("a", b"x"); setxattr("a", "user.k", b"1", REPLACE); setxattr("a", "user.k", b"1", CREATE)
      setxattr("a", "user.k", b"2", CREATE); setxattr("a", "user.k", b"3", REPLACE); getxattr("a", "user.k")
      """),
    ParityCase(
      "Attributes of many sizes, as large as fits", alsoInImages: true,
      """
      put("a", b"x")
      for size in (1, 100, 1000, 2000, 3000, 65_536, 65_537):
          setxattr("a", "user.k", b"v" * size); getxattr("a", "user.k")
      setxattr("a", "user." + "n" * 250, b"1"); setxattr("a", "user." + "n" * 251, b"1"); setxattr("a", "user.", b"1")
      setxattr("a", "nothing", b"1"); setxattr("a", "unknown.k", b"1"); getxattr("a", "unknown.k"); len(listxattr("a"))
      """),
    ParityCase(
      "Attributes of folders, and none of links and fifos",
      """
      mkdir("d"); setxattr("d", "user.k", b"v"); getxattr("d", "user.k")
      rename("d", "e"); listxattr("e"); symlink("e", "l")
      getxattr("l", "user.k"); mkfifo("p", 0o600); setxattr("p", "user.k", b"v"); listxattr("p"); rmdir("e"); mkdir("e")
      listxattr("e")
      """),
    ParityCase(
      "Attributes follow a file through its names and descriptors", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); fsetxattr(f, "user.k", b"v"); getxattr("a", "user.k"); rename("a", "b")
      fgetxattr(f, "user.k"); close(f); getxattr("b", "user.k"); put("c", b"x"); rename("c", "b"); listxattr("b")
      """),
    ParityCase(
      "Who may not read or write a file may not read or write its attributes", alsoInImages: true,
      """
      put("a", b"x"); setxattr("a", "user.k", b"v"); setxattr("a", "trusted.k", b"t"); getxattr("a", "trusted.k")
      for mode in (0o604, 0o602, 0o600):
          chmod("a", mode); become(1000); getxattr("a", "user.k")
          setxattr("a", "user.o", b"w"); removexattr("a", "user.o")
          getxattr("a", "trusted.k"); setxattr("a", "trusted.o", b"w"); become(0)
      """),
    ParityCase(
      "Attributes of root are listed to root only", alsoInImages: true,
      """
      put("a", b"x"); setxattr("a", "user.k", b"v"); setxattr("a", "trusted.k", b"t"); listxattr("a"); become(1000)
      listxattr("a")
      """),
  ]
}
