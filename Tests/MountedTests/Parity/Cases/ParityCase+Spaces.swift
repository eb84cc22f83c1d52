extension ParityCase {
  /// Space, and locks.
  static let spaces: [ParityCase] = [
    ParityCase(
      "fallocate makes room, with and without a longer file", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT)
      fallocate(f, 0, 0, 10_000); fstat(f); pread(f, 5, 0)
      fallocate(f, KEEP_SIZE, 0, 100_000); fstat(f); fallocate(f, 0, 9_000, 5_000); fstat(f)
      fallocate(f, 0, 0, 0); fallocate(f, 0, -1, 5)
      fallocate(f, 0, 1 << 62, 1 << 62); fallocate(f, 0, 0, 10); stat("a")
      """),
    ParityCase(
      "fallocate punches holes and zeroes", alsoInImages: true,
      """
      put("a", b"x" * 20_000); f = open("a", RDWR)
      fallocate(f, PUNCH_HOLE|KEEP_SIZE, 4096, 4096); fstat(f); pread(f, 4100, 4090)
      fallocate(f, ZERO_RANGE, 10_000, 100); fallocate(f, ZERO_RANGE, 19_000, 5_000); fstat(f)
      fallocate(f, ZERO_RANGE|KEEP_SIZE, 23_000, 5_000); fstat(f); fallocate(f, PUNCH_HOLE, 0, 4096)
      fallocate(f, PUNCH_HOLE|KEEP_SIZE, 90_000, 10); mapread(f, 20_000); get("a")
      """),
    ParityCase(
      "fallocate that moves bytes is refused, and moves none", alsoInImages: true,
      """
      put("a", b"x" * 8192 + b"y" * 8192); f = open("a", RDWR)
      fallocate(f, COLLAPSE_RANGE, 0, 4096); fallocate(f, INSERT_RANGE, 4096, 4096); fstat(f); get("a")
      """),
    ParityCase(
      "fallocate and truncate make a file younger", alsoInImages: true,
      """
      put("a", b"x" * 9000); f = open("a", RDWR)
      utimens("a", 1, 1); fallocate(f, 0, 9000, 5000); fstat(f)
      utimens("a", 1, 1); fallocate(f, PUNCH_HOLE|KEEP_SIZE, 0, 4096); fstat(f)
      utimens("a", 1, 1); ftruncate(f, 5); fstat(f)
      utimens("a", 1, 1); truncate("a", 50); fstat(f)
      """),
    ParityCase(
      "copy_file_range makes its target younger, not its source", alsoInImages: true,
      """
      put("a", b"x" * 5000); put("b", b""); f = open("a", RDWR); g = open("b", RDWR)
      utimens("a", NOW, 1); utimens("b", 1, 1); copyrange(f, g, 5000, 0, 0); stat("b")
      """),
    ParityCase(
      "flock keeps a second open out until it is let go", alsoInImages: true,
      """
      put("a", b"x"); f = open("a", RDWR); g = open("a", RDONLY); h = dup(f)
      flock(f, EX|NB); flock(g, SH|NB); flock(h, SH|NB); flock(g, SH|NB); flock(g, EX|NB)
      close(h); flock(g, EX|NB); close(f); flock(g, EX|NB); k = open("a", RDWR); flock(k, EX|NB); flock(g, UN)
      flock(k, EX|NB)
      """),
    ParityCase(
      "Locks of ranges keep a second open out of the range", alsoInImages: true,
      """
      put("a", b"0123456789"); f = open("a", RDWR); g = open("a", RDWR); r = open("a", RDONLY)
      posixlock(f, WRLCK, 0, 5); posixlock(g, WRLCK, 4, 2); posixlock(g, WRLCK, 5, 5); posixlock(g, RDLCK, 0, 1)
      posixlock(f, RDLCK, 0, 5); posixlock(g, RDLCK, 0, 1); posixlock(r, WRLCK, 20, 1); posixlock(r, RDLCK, 20, 0)
      posixlock(f, UNLCK, 0, 0); posixlock(g, WRLCK, 0, 20)
      write(f, b"not kept out"); close(g); posixlock(f, WRLCK, 0, 9)
      """),
    ParityCase(
      "A lock lives through rename and unlink of the file", alsoInImages: true,
      """
      put("a", b"x"); f = open("a", RDWR); g = open("a", RDWR); flock(f, EX|NB); rename("a", "b"); flock(g, EX|NB)
      unlink("b"); flock(g, EX|NB); close(f); flock(g, EX|NB)
      """),
  ]
}
