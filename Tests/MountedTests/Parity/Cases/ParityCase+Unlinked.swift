extension ParityCase {
  /// Files that are open and have no name any more.
  static let unlinked: [ParityCase] = [
    ParityCase(
      "An unlinked file is read and written until its last close", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); write(f, b"hello"); unlink("a"); names(""); fstat(f); write(f, b" again")
      pread(f, 99, 0); lseek(f, 0, SEEK_END); fsync(f); fstat(f); lstat("a"); close(f); names("")
      """),
    ParityCase(
      "An unlinked file changes in every way that a file can", alsoInImages: true,
      """
      put("a", b"hello"); f = open("a", RDWR); unlink("a")
      ftruncate(f, 2); fstat(f); fchmod(f, 0o600); fchown(f, 7, 8); futimens(f, 5, 6); fstat(f)
      fsetxattr(f, "user.k", b"v"); fgetxattr(f, "user.k"); fallocate(f, 0, 0, 9000); fstat(f); lseek(f, 0, SEEK_DATA)
      mapwrite(f, 100, b"map"); pread(f, 9, 98); flock(f, EX|NB); ftruncate(f, 0); fstat(f)
      """),
    ParityCase(
      "An unlinked file is opened again through its descriptor", alsoInImages: true,
      """
      put("a", b"hello"); f = open("a", RDWR); unlink("a"); g = reopen(f, RDWR); pwrite(g, b"J", 0); pread(f, 9, 0)
      h = reopen(f, RDONLY); pread(h, 9, 0); write(h, b"x")
      k = reopen(f, RDWR|TRUNC); fstat(f); fstat(h); write(k, b"new")
      close(f); pread(g, 9, 0); close(g); close(k); pread(h, 9, 0); m = reopen(h, RDWR); write(m, b"N"); pread(h, 9, 0)
      """),
    ParityCase(
      "A new file of the same name is another file", alsoInImages: true,
      """
      put("a", b"old"); f = open("a", RDWR); unlink("a"); put("a", b"new"); g = open("a", RDWR); write(f, b"OLD!")
      get("a"); write(g, b"N"); pread(f, 9, 0); fchmod(f, 0o600)
      stat("a"); ftruncate(f, 0); get("a"); close(f); get("a")
      unlink("a"); fstat(g); pread(g, 9, 0)
      """),
    ParityCase(
      "A replaced file lives on for who has it open", alsoInImages: true,
      """
      for n in range(4):
          put("a", b"old"); f = open("a", RDWR); put("b", bytes([n]) * n); rename("b", "a"); fstat(f); pread(f, 9, 0)
          pwrite(f, b"x", 10); reopen(f, RDONLY); ftruncate(f, 1); fstat(f); get("a"); close(f)
      names("")
      """),
    ParityCase(
      "Files made and removed while others are open do not get mixed up", alsoInImages: true,
      """
      held = []
      for n in range(30):
          f = open("a", RDWR|CREAT|EXCL); write(f, f"{n}".encode()); unlink("a"); held = held + [f]
      for f in held: pread(f, 9, 0); fstat(f)
      for f in held[::2]: close(f)
      for n in range(30): put(f"new{n}", f"new {n}".encode())
      for f in held[1::2]: pread(f, 9, 0); pwrite(f, b"!", 0); fstat(f); close(f)
      for n in range(30): get(f"new{n}")
      """),
    ParityCase(
      "A copy of the descriptor outlives the name and the first close", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); g = dup(f); write(f, b"x")
      close(f); unlink("a"); write(g, b"y"); pread(g, 9, 0); fstat(g)
      ftruncate(g, 1); close(g); lstat("a"); names("")
      """),
  ]
}
