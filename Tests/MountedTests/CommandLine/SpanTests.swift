import Glibc
import Testing

/// Ages and intervals.
@Suite("Ages and intervals", .mounting, .timeLimit(.minutes(15)))
struct SpanTests {
  @Test(
    "0 is never: nothing goes by itself",
    arguments: [["--temp-max-age", "0", "--session-linger", "0"], ["--cleanup-interval", "0"]])
  func never(options: [String]) throws {
    try withoutMount("--create") { m in
      try m.sh(
        """
        mkdir -p "$R/temp/processing" "$R/temp/uploads/s"
        touch -d '9 days ago' "$R/temp/processing/old" "$R/temp/uploads/s/chunk_0"
        touch -d '9 days ago' "$R/temp/uploads/s"
        \(m.mountCommand) \(options.joined(separator: " "))
        # Comes after what is done at mount, of which nobody else tells.
        "$B" cleanup "$M" --dry-run | grep -q '2 files'
        test -e "$M/temp/processing/old"
        test -e "$M/temp/uploads/s/chunk_0"
        "$B" cleanup "$M" --older-than 0 | grep -q '2 files'
        fails test -e "$M/temp/processing/old"
        """)
    }
  }

  @Test("A fraction of a second is one, not never")
  func fraction() throws {
    try withoutMount("--create", "--temp-max-age", "0.0001") { m in
      try m.sh("mkdir -p \"$R/temp/processing\"; touch -d '9 days ago' \"$R/temp/processing/old\"")
      try m.mount()
      #expect(poll(seconds: 30) { !Files.exists(m.stored("temp/processing/old")) })
    }
  }

  @Test(
    "What is negative, absurd or no number is refused in a sentence that names the option",
    arguments: [
      "mount --temp-max-age", "mount --cleanup-interval", "mount --session-linger", "mount --watchdog",
      "mount --scrub-interval", "cleanup --older-than",
    ], ["-1", "nan", "inf", "1e7", "0x10", "1e3", "soon", "-0.5"])
  func refused(option: String, value: String) throws {
    try withoutMount { m in
      let (command, name) = (option.prefix { $0 != " " }, option.drop { $0 != " " }.dropFirst())
      let root = command == "mount" ? "--root \"$R\"" : ""
      for given in ["\(name) \(value)", "\(name)=\(value)"] {
        let outcome = try m.run("\"$B\" \(command) \"$M\" \(root) \(given)")
        #expect(outcome.status == 64 && outcome.errors.contains("\(name) is a number of "), "\(given): \(outcome)")
        #expect(outcome.errors.contains("not '\(value)'"), "\(given): \(outcome)")
      }
      #expect(!m.isMounted)
    }
  }

  @Test("So are sizes", arguments: ["mount --min-free", "mount --scrub-rate", "upload --chunk-size", "upload --jobs"])
  func sizes(option: String) throws {
    try withoutMount { m in
      let (command, name) = (option.prefix { $0 != " " }, option.drop { $0 != " " }.dropFirst())
      let rest = command == "mount" ? "--root \"$R\"" : "\"$M\" --to temp/processing/a"
      let outcome = try m.run("\"$B\" \(command) \"$M\" \(rest) \(name) -1")
      #expect(outcome.status == 64 && outcome.errors.contains("\(name)"), "\(outcome)")
      #expect(!outcome.errors.contains("Missing"), "\(outcome)")
    }
  }
}
