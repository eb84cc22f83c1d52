import Glibc
import Testing

/// `mammofs stats`, `has-space`, `upload` and what is usage.
@Suite("The command line", .mounting, .timeLimit(.minutes(15)))
struct CommandLineTests {
  @Test("stats shows a table for people and JSON for programs, of a mount and of a storage root")
  func stats() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("12345", to: m["\(month)/a.dcm"])
      _ = try m.countedStats()
      for path in ["$M", "$R"] {
        let json = try Stats(json: try m.sh("\"$B\" stats \"\(path)\" --json"))
        #expect(json.images == Count(size: 5, count: 1) && json.fileCount == 1)
        let table = try m.sh("\"$B\" stats \"\(path)\"")
        #expect(table.contains("images") && table.contains("thumbnails") && !table.contains("{"), "\(table)")
        #expect(table.contains("5 B in 1 file\n") && table.contains("0 B in 0 files\n"), "\(table)")
      }
      try m.unmount()
      let json = try Stats(json: try m.sh("\"$B\" stats \"$R\" --json"))
      #expect(json.images == Count(size: 5, count: 1))
      let nothing = try m.run("mkdir empty; \"$B\" stats empty")
      #expect(nothing.status == 1 && nothing.errors.isOneLine, "\(nothing)")
      let missing = try m.run("\"$B\" stats \"$D/none\"")
      #expect(missing.status == 1 && missing.errors.isOneLine, "\(missing)")
      try m.mount()
    }
  }

  @Test("stats --recount counts what was changed past the mount")
  func recount() throws {
    try withMount { m in
      try m.month()
      try Files.write("x", to: m["images/user-7/2026/11/a.dcm"])
      try m.unmount()
      try Files.write("yy", to: m.stored("images/user-7/2026/11/b.dcm"))
      #expect(try Stats(json: m.sh("\"$B\" stats \"$R\" --json")).images == Count(size: 1, count: 1))
      #expect(try Stats(json: m.sh("\"$B\" stats \"$R\" --json --recount")).images == Count(size: 3, count: 2))
      #expect(try Stats(json: m.sh("\"$B\" stats \"$R\" --json")).images == Count(size: 3, count: 2))
      try m.mount()
      try m.expectStatsAsWalked()
    }
  }

  @Test("and does so of a mount, with what is open, waits for its name, and moves meanwhile")
  func recountOfMount() throws {
    try withMount { m in
      try m.python(
        #"""
        import json
        def figures(*options):
            return json.loads(subprocess.run([os.environ["B"], "stats", M, "--json", *options], check=True, capture_output=True).stdout)
        for user in range(20): os.makedirs(f"{M}/images/user-{user}/2026/11")
        put(M + "/images/user-7/2026/11/a.dcm", bytes(1000))
        put(R + "/images/user-7/2026/11/beside.dcm", bytes(3000))
        assert figures()["images"] == {"size": 1000, "count": 1}, figures()
        new = os.open(M + "/images/user-7/2026/11/new.dcm", os.O_CREAT | os.O_WRONLY)
        os.write(new, bytes(500))
        work = os.open(M + "/images/user-7/2026/11/.work", os.O_CREAT | os.O_WRONLY)
        os.write(work, bytes(70))
        end = time.monotonic() + 2
        def client(number):
            chance, turn = random.Random(number), 0
            while time.monotonic() < end:
                turn += 1
                folder = f"{M}/images/user-{chance.randrange(8, 20)}/2026"
                try:
                    with open(f"{folder}/11/{number}", "wb") as file: file.write(bytes(chance.randrange(5000)))
                    os.rename(f"{folder}/11/{number}", f"{folder}/11/{number}-{turn % 5}")
                    if turn % 20 == 0:
                        other = f"{M}/images/user-{chance.randrange(8, 20)}/2026/{1 + number:02}"
                        os.rename(f"{folder}/11", other)
                        os.rename(other, f"{folder}/11")
                except (FileNotFoundError, FileExistsError): pass
                except OSError as error: assert error.errno == errno.ENOTEMPTY, error
        clients = [os.fork() for _ in range(4)]
        for number, child in enumerate(clients):
            if child == 0: client(number); os._exit(0)
        while time.monotonic() < end: figures("--recount")
        for child in clients: os.waitpid(child, 0)
        before = figures()
        after = figures("--recount")
        for key in "totalSize", "fileCount", "images", "thumbnails", "temp", "users":
            assert before[key] == after[key], (key, before, after)
        os.close(new)
        os.close(work)
        assert json.loads(get(M + "/images/user-7/.stats"))["images"] == {"size": 4500, "count": 3}
        os.unlink(M + "/images/user-7/2026/11/.work")
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("has-space exits 0 where it fits, 1 where it does not, and 2 where that cannot be said")
  func hasSpace() throws {
    try withMount { m in
      for path in ["$M", "$R"] {
        for size in ["0", "1", "1000", "1K", "1M"] {
          try m.sh("\"$B\" has-space \"\(path)\" \(size)")
        }
        let outcome = try m.run("\"$B\" has-space \"\(path)\" 8000000T")
        #expect(outcome.status == 1, "\(outcome)")
      }
      let usage = try m.run("\"$B\" has-space \"$M\" lots")
      #expect(usage.status == 64, "\(usage)")
      try m.sh("\"$B\" has-space \"$M/images\" 1 && \"$B\" has-space \"$R/images\" 1")
      try m.unmount()
      try m.sh("\"$B\" has-space \"$R\" 1")
      for path in ["$M", "$D", "$D/none", "/"] {
        let outcome = try m.run("\"$B\" has-space \"\(path)\" 1")
        #expect(outcome.status == 2 && outcome.errors.isOneLine, "\(path): \(outcome)")
      }
    }
  }

  @Test("Bad usage exits 64", arguments: ["", "nonsense", "mount", "mount --bad", "has-space", "upload x", "unmount"])
  func usage(arguments: String) throws {
    try withoutMount { m in
      let outcome = try m.run("\"$B\" \(arguments)")
      // Asked for nothing, the binary may just show its help.
      if arguments.isEmpty {
        #expect([0, 64].contains(outcome.status), "\(outcome)")
      } else {
        #expect(outcome.status == 64, "\(outcome)")
        #expect(!outcome.errors.isEmpty)
      }
    }
  }

  @Test("A relative path in a working directory that is gone is refused")
  func goneDirectory() throws {
    try withMount { m in
      for command in [
        "mount new --root \"$R\"", "mount \"$D/new\"", "unmount mnt", "upgrade mnt", "stats mnt", "has-space . 1",
        "cleanup mnt", "verify mnt", "upload in mnt --to temp/processing/a",
      ] {
        let outcome = try m.run("mkdir gone; cd gone; rmdir ../gone; \"$B\" \(command)")
        // A question that was not answered.
        let status: Int32 = command.hasPrefix("has-space") || command.hasPrefix("verify") ? 2 : 1
        #expect(outcome.status == status && outcome.errors.isOneLine, "\(command): \(outcome)")
        #expect(outcome.errors.contains("the working directory is gone"), "\(command): \(outcome)")
      }
      #expect(!m.isMounted(at: "/new") && !Files.exists("/new"))
      try m.sh("mkdir gone; cd gone; rmdir ../gone; \"$B\" stats \"$M\"")
    }
  }

  @Test("--help and --version succeed")
  func help() throws {
    try withoutMount { m in
      let help = try m.sh("\"$B\" --help; \"$B\" mount --help; \"$B\" upload --help")
      for word in [
        "mount", "unmount", "stats", "has-space", "cleanup", "verify", "upload", "--root", "--to", "--session-linger",
      ] {
        #expect(help.contains(word), "\(word)")
      }
      #expect(help.contains("default: 8M") && !help.contains("ByteCount"), "\(help)")
    }
  }
}

extension String {
  /// A sentence and no more.
  var isOneLine: Bool {
    let lines = split(separator: "\n")
    return lines.count == 1 && lines[0].count > 10
  }
}
