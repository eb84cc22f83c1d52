import Glibc
import Testing

/// `mammofs stats`, `has-space`, `upload` and what is usage.
@Suite("The command line", .mounting, .timeLimit(.minutes(9)))
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

  @Test("has-space exits 0 where it fits and 1 where it does not")
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
        #expect(outcome.status == 1 && outcome.errors.isOneLine, "\(command): \(outcome)")
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
