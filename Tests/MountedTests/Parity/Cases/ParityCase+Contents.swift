extension ParityCase {
  /// Bytes: written, read, mapped and copied.
  static let contents: [ParityCase] = [
    ParityCase(
      "A write behind the end leaves zeros in between", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); pwrite(f, b"x", 10_000); fstat(f); pread(f, 5, 0); pread(f, 9, 9_999)
      pread(f, 9, 10_001); write(f, b"start"); get("a")
      """),
    ParityCase(
      "lseek goes beyond the end, not before the start", alsoInImages: true,
      """
      put("a", b"0123456789"); f = open("a", RDWR)
      lseek(f, 4, SEEK_SET); lseek(f, -2, SEEK_CUR); lseek(f, -1, SEEK_END); lseek(f, 100, SEEK_END)
      lseek(f, -1, SEEK_SET); lseek(f, -200, SEEK_CUR); read(f, 5); lseek(f, 0, 99); fstat(f)
      """),
    ParityCase(
      "Holes and data are found", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); pwrite(f, b"x" * 4096, 1 << 20); pwrite(f, b"y", 4 << 20); fsync(f)
      for offset in (0, 1 << 20, (1 << 20) + 4096, 4 << 20, (4 << 20) + 1, 1 << 40):
          lseek(f, offset, SEEK_DATA); lseek(f, offset, SEEK_HOLE)
      g = open("a", RDONLY); lseek(g, 0, SEEK_DATA); lseek(g, 5, SEEK_CUR)
      """),
    ParityCase(
      "truncate makes shorter and longer, by path and by descriptor", alsoInImages: true,
      """
      put("a", b"0123456789"); f = open("a", RDWR)
      for size in (5, 0, 7, 7, 20_000, 3): truncate("a", size); fstat(f); pread(f, 99, 0)
      for size in (1, 9, 0): ftruncate(f, size); stat("a"); get("a")
      ftruncate(f, -1); truncate("a", -1); truncate("n", 0); close(f); truncate("a", 6); stat("a")
      """),
    ParityCase(
      "truncate of what is no file is refused",
      """
      mkdir("d"); symlink("d", "l"); symlink("n", "m")
      for path in ("d", "l", "m", "d/x"): truncate(path, 0)
      names("")
      """),
    ParityCase(
      "A truncated byte does not come back", alsoInImages: true,
      """
      put("a", b"secret" * 1000); truncate("a", 3); truncate("a", 6000); get("a")
      f = open("a", RDWR); pwrite(f, b"s" * 5000, 0); ftruncate(f, 4097); ftruncate(f, 8192); pread(f, 9000, 0)
      mapread(f, 8192)
      """),
    ParityCase(
      "What is written through a map is read and kept", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); ftruncate(f, 9000)
      mapwrite(f, 5, b"mapped"); pread(f, 20, 0); stat("a")
      pwrite(f, b"WRITTEN", 6); mapread(f, 20); mapwrite(f, 8990, b"end"); close(f); get("a"); stat("a")
      """),
    ParityCase(
      "A write through a map makes the file younger", alsoInImages: true,
      """
      put("a", b"x" * 5000); f = open("a", RDWR); utimens("a", 1, 1); mapwrite(f, 0, b"y"); fsync(f); fstat(f)
      """),
    ParityCase(
      "A map shows what another descriptor writes", alsoInImages: true,
      """
      put("a", b"x" * 8192); f = open("a", RDONLY); g = open("a", RDWR)
      mapread(f, 10); pwrite(g, b"new", 2); mapread(f, 10); ftruncate(g, 100); mapread(f, 10); mapwrite(g, 50, b"m")
      pread(f, 200, 0)
      """),
    ParityCase(
      "copy_file_range copies within and between files", alsoInImages: true,
      """
      put("a", bytes(range(256)) * 100); f = open("a", RDWR); g = open("b", RDWR|CREAT)
      copyrange(f, g, 20_000, 100, 50); fstat(g); pread(g, 300, 0); copyrange(f, g, 99_999, 25_000, 0); fstat(g)
      copyrange(f, f, 100, 0, 10_000); copyrange(f, f, 100, 0, 50); copyrange(f, g, 10, 99_999, 0)
      copyrange(g, f, 10, 0, 0); h = open("a", WRONLY|APPEND); copyrange(g, h, 10, 0, 0)
      r = open("a", RDONLY); copyrange(g, r, 10, 0, 0); copyrange(h, g, 10, 0, 0); get("a"); get("b")
      """),
    ParityCase(
      "sendfile reads from one file into another", alsoInImages: true,
      """
      put("a", bytes(range(256)) * 50); f = open("a", RDONLY); g = open("b", RDWR|CREAT)
      sendfile(g, f, 0, 5000); sendfile(g, f, 12_000, 5000); sendfile(g, f, 99_999, 10); sendfile(f, g, 0, 10); get("b")
      """),
    ParityCase(
      "fsync and fdatasync answer on files and folders", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT); fsync(f); write(f, b"one"); fdatasync(f); stat("a"); write(f, b"two"); fsync(f)
      d = open("", RDONLY|DIRECTORY); fsync(d); fdatasync(d); close(f); get("a"); r = open("a", RDONLY); fsync(r)
      """),
    ParityCase(
      "O_SYNC, O_NONBLOCK and O_NOATIME change nothing that is written", alsoInImages: true,
      """
      f = open("a", RDWR|CREAT|SYNC|NONBLOCK|NOATIME); write(f, b"x"); pwrite(f, b"yy", 4); pread(f, 9, 0); fstat(f)
      become(1000); open("a", RDONLY|NOATIME)
      """),
  ]
}
