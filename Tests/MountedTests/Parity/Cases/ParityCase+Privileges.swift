extension ParityCase {
  /// Set-user-ID and set-group-ID, and what takes them away.
  static let privileges: [ParityCase] = [
    ParityCase(
      "A write by somebody without privileges clears set-user-ID", alsoInImages: true,
      cleared("f = open(\"a\", WRONLY); write(f, b\"y\"); close(f)")),
    ParityCase(
      "A write through a map clears set-user-ID", alsoInImages: true,
      cleared("f = open(\"a\", RDWR); mapwrite(f, 0, b\"y\"); close(f)")),
    ParityCase(
      "truncate by somebody without privileges clears set-user-ID", alsoInImages: true, cleared("truncate(\"a\", 1)")),
    ParityCase(
      "O_TRUNC by somebody without privileges clears set-user-ID", alsoInImages: true,
      cleared("close(open(\"a\", WRONLY|TRUNC))")),
    ParityCase(
      "fallocate by somebody without privileges clears set-user-ID", alsoInImages: true,
      cleared("f = open(\"a\", RDWR); fallocate(f, 0, 0, 9000); close(f)")),
    ParityCase(
      "copy_file_range by somebody without privileges clears set-user-ID", alsoInImages: true,
      cleared("f = open(\"a\", RDWR); g = open(\"b\", RDONLY); copyrange(g, f, 3, 0, 0); close(f); close(g)")),
    ParityCase(
      "chown by the owner clears set-user-ID", alsoInImages: true,
      cleared("chown(\"a\", -1, 2000); chown(\"a\", 1000, 1000)")),
    ParityCase(
      "chmod keeps set-group-ID only for who is in the group", alsoInImages: true,
      """
      put("a", b"x"); chown("a", 1000, 2000); become(1000, 1000); chmod("a", 0o6755); stat("a")
      become(1000, 1000, 2000); chmod("a", 0o6755); stat("a"); become(0); chmod("a", 0o7777); stat("a")
      """),
    ParityCase(
      "Reading, renaming and setting times leave set-user-ID", alsoInImages: true,
      """
      put("a", b"x"); chmod("a", 0o6755); get("a"); utimens("a", 1, 1)
      rename("a", "b"); stat("b"); become(1000); get("b")
      access("b", X_OK); stat("b"); become(0); setxattr("b", "user.k", b"v"); stat("b")
      """),
  ]

  /// What a call does to the bits, by the owner, by another and by root.
  private static func cleared(_ calls: String) -> String {
    """
    put("b", b"source"); chmod("b", 0o666)
    for mode in (0o4777, 0o2777, 0o6777, 0o777, 0o4666):
        for owner, user in ((1000, 1000), (0, 1000), (1000, 0)):
            put("a", b"content"); chown("a", owner, owner); chmod("a", mode)
            become(user, user, 2000)
            \(calls)
            become(0); stat("a")
    """
  }
}
