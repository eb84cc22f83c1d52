extension ParityCase {
  /// Times, to the nanosecond.
  static let times: [ParityCase] = [
    ParityCase(
      "Times are kept to the nanosecond, long ago and in the far future", alsoInImages: true,
      """
      put("a", b"x"); f = open("a", RDWR)
      for moment in (1_234_567_890_123_456_789, 1, 0, -1, -(1 << 31) * SECOND, (1 << 31) * SECOND, 4 * 10**18 + 7):
          utimens("a", moment, moment + 5); stat("a"); futimens(f, moment + 9, moment); fstat(f)
      """),
    ParityCase(
      "One time can be set without the other, and to now", alsoInImages: true,
      """
      put("a", b"x"); utimens("a", 1, 2); utimens("a", OMIT, 3); stat("a"); utimens("a", 4, OMIT); stat("a")
      utimens("a", OMIT, OMIT); stat("a"); utimens("a", NOW, OMIT); stat("a"); utimens("a", 5, NOW); stat("a")
      utimens("n", 1, 2); utimens("n/x", NOW, NOW)
      """),
    ParityCase(
      "Times set while a file is written stay when it is closed", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); write(f, b"x"); utimens("a", 1, 2); fstat(f); close(f); stat("a")
      g = open("a", WRONLY); write(g, b"y"); stat("a")
      futimens(g, 3, 4); fsync(g); close(g); stat("a"); rename("a", "b")
      stat("b")
      """),
    ParityCase(
      "Reading leaves the time of writing, writing moves it", alsoInImages: true,
      """
      put("a", b"content"); utimens("a", 1, 1); f = open("a", RDWR); fstat(f); read(f, 3); stat("a"); write(f, b"")
      fstat(f); write(f, b"x"); fstat(f); fstat(f); ftruncate(f, 7)
      fstat(f); chmod("a", 0o600); fstat(f); close(f); stat("a")
      """),
    ParityCase(
      "What changes an inode moves its ctime, and nothing else",
      """
      put("a", b"x"); stat("a"); stat("a"); chmod("a", 0o600); stat("a"); chown("a", 7, 8); stat("a"); link("a", "b")
      stat("a"); rename("b", "c"); stat("a"); unlink("c"); stat("a"); setxattr("a", "user.k", b"v"); stat("a")
      removexattr("a", "user.k"); stat("a"); utimens("a", 1, 1); stat("a"); get("a"); lstat("a")
      """),
    ParityCase(
      "Who may not write may not set times, who may write may set them to now", alsoInImages: true,
      """
      put("a", b"x"); put("b", b"x"); chmod("b", 0o666); put("c", b"x"); chown("c", 1000, 1000); chmod("c", 0o400)
      utimens("a", 1, 1); utimens("b", 1, 1); become(1000)
      for name in ("a", "b", "c"):
          utimens(name, 2, 2); utimens(name, NOW, NOW); utimens(name, OMIT, NOW); utimens(name, OMIT, OMIT); stat(name)
      """),
  ]
}
