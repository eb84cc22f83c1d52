import Glibc
import Testing

/// `mammofs stats`, `has-space`, `upload` and what is usage.
@Suite("The command line", .mounting, .timeLimit(.minutes(5)))
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

  @Test("upload sends a file in chunks and completes it", .needs("sha256sum"))
  func upload() throws {
    try withMount { m in
      try Files.write(Bytes.pattern(5_000_001), to: m.beside("in.dcm"))
      let choices = ["", "--chunk-size 1M", "--chunk-size 300K --jobs 4", "--chunk-size 1G --jobs 1"]
      for (index, options) in choices.enumerated() {
        let target = "images/user-7/2026/11/\(index).dcm"
        try m.sh(
          """
          "$B" upload in.dcm "$M" --to \(target) \(options) > out 2> progress
          test "$(sha256sum < in.dcm)" = "$(sha256sum < "$M/\(target)")"
          cmp in.dcm "$R/\(target)"
          if grep -q $'\\r' progress; then echo 'a progress bar without a terminal'; exit 1; fi
          """)
      }
      try m.sh(
        """
        : > empty
        "$B" upload empty "$M" --to temp/processing/empty
        test -f "$M/temp/processing/empty"
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test("An upload that is refused exits 1 with a sentence, and leaves nothing")
  func uploadRefused() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("in", to: m.beside("in.dcm"))
      try Files.write("old", to: m["\(month)/old.dcm"])
      for command in [
        "in.dcm \"$M\" --to \(month)/old.dcm", "in.dcm \"$M\" --to images/user-7/2026/13/a.dcm",
        "none.dcm \"$M\" --to \(month)/a.dcm", "in.dcm \"$D\" --to \(month)/a.dcm",
      ] {
        let outcome = try m.run("\"$B\" upload \(command)")
        #expect(outcome.status == 1, "\(command): \(outcome)")
        #expect(!outcome.errors.isEmpty && !outcome.errors.contains("Fatal"), "\(outcome)")
      }
      #expect(try Files.text(m["\(month)/old.dcm"]) == "old")
      #expect(try Files.names(in: m[month]) == ["old.dcm"])
      let sessions = try Files.names(in: m["temp/uploads"])
      #expect(sessions.isEmpty, "\(sessions)")
    }
  }

  @Test("A refused upload says what to do here, where nobody writes markers", .needs("sha256sum"))
  func uploadAdvice() throws {
    try withMount { m in
      let month = try m.month()
      try Files.write("in", to: m.beside("in.dcm"))
      try Files.write("old", to: m["\(month)/old.dcm"])
      let upload = "\"$B\" upload in.dcm \"$M\" --to"
      let exists = try m.run("\(upload) \(month)/old.dcm 2>&1 | grep -v '%'")
      #expect(exists.output.isOneLine && exists.output.contains("--overwrite"), "\(exists)")
      #expect(!exists.output.contains("marker") && !exists.output.contains("\\"), "\(exists)")
      let name = #"images/user-7/2026/13/"a\b".dcm"#
      let noPlace = try m.run("\(upload) '\(name)' 2>&1 | grep -v '%'")
      #expect(noPlace.output.isOneLine && noPlace.output.contains("month must be 01 to 12"), "\(noPlace)")
      try m.sh("\(upload) \(month)/old.dcm --overwrite --sha256; cmp in.dcm \"$M/\(month)/old.dcm\"")
      try m.sh(#"\#(upload) 'images/user-7/2026/11/"a\b".dcm'; cmp in.dcm "$M/images/user-7/2026/11/\"a\\b\".dcm""#)
    }
  }

  @Test("upload shows a bar on a terminal", .needs("script"))
  func progressBar() throws {
    try withMount { m in
      try Files.write(Bytes.pattern(3_000_000), to: m.beside("in.dcm"))
      let output = try m.sh(
        "script -qec \"\\\"$B\\\" upload in.dcm \\\"$M\\\" --to temp/processing/a --chunk-size 64K\" /dev/null")
      #expect(output.contains("%"), "\(output)")
      #expect(try Files.stat(m["temp/processing/a"]).st_size == 3_000_000)
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
