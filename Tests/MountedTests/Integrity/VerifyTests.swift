import FoundationEssentials
import Glibc
import Testing

/// `mammofs verify` and the scrub.
@Suite("Verifying", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct VerifyTests {
  struct Report: Decodable {
    struct Finding: Decodable {
      let path: String
      let reason: String
    }
    let complete: Bool
    let verified: Count
    let withoutDigest: Int
    let stale: Int
    let given: Int
    let notYet: Int
    let damaged: [Finding]
    let unreadable: [Finding]
  }

  private func report(_ m: MountedRoot, _ path: String, _ options: String = "", status: Int32 = 0) throws -> Report {
    let outcome = try m.run("\"$B\" verify \"\(path)\" --json \(options)")
    #expect(outcome.status == status, "\(outcome)")
    return try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
  }

  /// Ten images with digests, in two months.
  private func plant(_ m: MountedRoot) throws {
    try m.python(
      DigestTests.prelude + #"""
        for n in range(10):
            folder = M + f"/images/user-7/2026/{1 + n % 2:02}"
            os.makedirs(folder, exist_ok=True)
            put(f"{folder}/{n}.dcm", bytes([n]) * 1000)
        for n in range(10): given(M + f"/images/user-7/2026/{1 + n % 2:02}/{n}.dcm")
        """#)
  }

  /// Changes a byte in the storage root as a failing disk does: no time tells of it.
  private func damage(_ m: MountedRoot, _ path: String) throws {
    try m.python(
      #"""
      path = R + "/" + os.environ["P"]
      before = os.stat(path)
      with open(path, "r+b") as file: file.write(b"X")
      os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
      """#, ["P": path])
  }

  @Test("verify finds what was damaged, of a mount, of a storage root and of folders in them, and changes nothing")
  func damaged() throws {
    try withMount { m in
      try plant(m)
      for path in ["$M", "$R"] { #expect(try report(m, path).verified == Count(size: 10_000, count: 10)) }
      let bad = "images/user-7/2026/01/4.dcm"
      try damage(m, bad)
      let before = try Files.read(m.stored(bad))
      for mounted in [true, false] {
        if !mounted { try m.unmount() }
        for path in mounted ? ["$M", "$R", "$M/images/user-7/2026/01", "$M/\(bad)"] : ["$R", "$R/images/user-7/2026"] {
          let report = try report(m, path, status: 1)
          #expect(report.damaged.map(\.path) == [bad] && report.complete, "\(path)")
          #expect(report.damaged.first?.reason.contains("SHA-256") ?? false)
        }
        for path in mounted ? ["$M/images/user-7/2026/02"] : ["$R/images/user-7/2026/02"] {
          #expect(try report(m, path).verified.count == 5)
        }
      }
      let outcome = try m.run("\"$B\" verify \"$R\"")
      #expect(outcome.status == 1 && outcome.output.contains("\(bad) is damaged"), "\(outcome)")
      #expect(outcome.output.contains("9 files verified"), "\(outcome)")
      #expect(outcome.errors.contains("1 file damaged"), "\(outcome)")
      #expect(try Files.read(m.stored(bad)) == before)
    }
  }

  @Test("Files without a digest are counted and given one, unless asked not to; through a server where there is one")
  func missing() throws {
    try withMount { m in
      try plant(m)
      let strip = "for f in \"$R\"/images/user-7/2026/*/*; do setfattr -x user.mammofs.sha256 \"$f\"; done"
      try m.sh(strip)
      #expect(try report(m, "$M", "--check-only").withoutDigest == 10)
      let mounted = try report(m, "$M")
      #expect(mounted.withoutDigest == 10 && mounted.given == 10)
      #expect(try poll(seconds: 30) { try report(m, "$M", "--check-only").verified.count == 10 })
      try m.sh(strip)
      try m.unmount()
      let bare = try report(m, "$R")
      #expect(bare.withoutDigest == 10 && bare.given == 10)
      #expect(try report(m, "$R").verified.count == 10)
    }
  }

  @Test("A digest counts as given when it is there; asking for it each moment does not keep it from coming")
  func young() throws {
    try withMount { m in
      let path = "\(try m.month())/a.dcm"
      try Files.write("young", to: m[path])
      let digest = "getfattr -n user.mammofs.sha256 \"$M/\(path)\" 2>&1"
      let isGiven = try poll(seconds: 30, every: 300) {
        let report = try report(m, "$M")
        if report.verified.count == 1 { return true }
        #expect(report.withoutDigest == 1 && report.given + report.notYet == 1)
        if report.given == 1 { #expect(try m.run(digest).status == 0) }
        return report.given == 1
      }
      #expect(isGiven)
      let writer = try Files.open(m[path], O_WRONLY)
      let busy = try m.sh("\"$B\" verify \"$M\"")
      #expect(busy.contains("1 file had no digest, 0 given one, 1 not yet"), "\(busy)")
      Files.close(writer)
    }
  }

  @Test("What verify finds damaged the mount tells, too, until the file is replaced")
  func told() throws {
    try withMount { m in
      try plant(m)
      let path = "images/user-7/2026/01/4.dcm"
      try damage(m, path)
      for run in 1...2 {
        _ = try report(m, "$M", status: 1)
        // One that is found again is counted in its line.
        let lines = try m.refusals().filter { $0.contains(" verify \(path) EBADMSG is damaged: its bytes") }
        #expect(lines.count == 1 && lines.allSatisfy { $0.hasSuffix("(2 times)") == (run == 2) }, "\(lines)")
        #expect(try Files.text(m[".stats"]).contains("\"damaged\": 1,"))
      }
      try m.python("crash()")
      #expect(try poll(seconds: 10) { try Files.text(m[".stats"]).contains("\"damaged\": 1,") })
      try m.remount()
      #expect(try poll(seconds: 10) { try Files.text(m[".stats"]).contains("\"damaged\": 1,") })
      try Files.write("from a backup", to: m[path])
      #expect(try poll(seconds: 30) { try Files.text(m[".stats"]).contains("\"damaged\": 0,") })
      _ = try report(m, "$M")
    }
  }

  @Test("An interrupted run goes on where it stopped; --restart begins anew")
  func interrupted() throws {
    try withMount { m in
      try plant(m)
      try m.python(
        #"""
        with open(R + "/images/user-7/2026/02/zz.dcm", "wb") as file: file.truncate(40 << 30)
        """#)
      try m.unmount()
      let outcome = try m.run(
        #"""
        "$B" verify "$R" 2> err & pid=$!
        # It is at the large one.
        for n in $(seq 500); do
          if ls -l /proc/$pid/fd 2> /dev/null | grep -q zz.dcm; then break; fi
          sleep 0.02
        done
        kill -INT $pid
        wait $pid
        """#)
      #expect(outcome.status == 2, "\(outcome)")
      #expect(try Files.text(m.beside("err")).contains("interrupted"))
      #expect(try Files.text(m.stored(".mammofs/verify.json")).contains("2026/02/9.dcm"))
      try m.sh("rm \"$R/images/user-7/2026/02/zz.dcm\"; cp \"$R/.mammofs/verify.json\" kept")
      // The first ten are not read again, so what happens to them now is not found.
      try damage(m, "images/user-7/2026/01/0.dcm")
      let rest = try report(m, "$R")
      #expect(rest.verified.count == 10 && rest.complete)
      #expect(!Files.exists(m.stored(".mammofs/verify.json")))
      try m.sh("cp kept \"$R/.mammofs/verify.json\"")
      #expect(try report(m, "$R", "--restart", status: 1).damaged.count == 1)
    }
  }

  @Test("What cannot be verified is refused with a sentence")
  func refused() throws {
    try withMount { m in
      for path in ["$M/temp/processing", "$M/images/user-7", "$D", "$D/none", "$M/images/bad"] {
        let outcome = try m.run("\"$B\" verify \"\(path)\"")
        #expect(outcome.status == 2 && outcome.errors.split(separator: "\n").count == 1, "\(path): \(outcome)")
      }
    }
  }

  @Test("The server verifies by itself, tells of damage in .errors and .stats, and gives missing digests")
  func scrub() throws {
    try withMount("--scrub-interval", "0.0005", "--scrub-rate", "100M") { m in
      try plant(m)
      try damage(m, "images/user-7/2026/02/5.dcm")
      try m.sh("setfattr -x user.mammofs.sha256 \"$R/images/user-7/2026/01/2.dcm\"")
      // Behind its back: the figures are right again after the next scrub.
      let count = try m.stats().images.count
      try Files.write("x", to: m.stored("images/user-7/2026/01/beside.dcm"))
      let isTold = try poll(seconds: 30) {
        try m.refusals().contains { $0.contains(" scrub images/user-7/2026/02/5.dcm EBADMSG is damaged") }
      }
      let lines = try m.refusals()
      #expect(isTold, "\(lines)")
      let isCounted = try poll(seconds: 30) {
        try Files.text(m[".stats"]).contains("\"verified\": 10, \"damaged\": 1, \"unverified\": 0, \"lastScrub\": \"20")
      }
      let stats = try Files.text(m[".stats"])
      #expect(isCounted, "\(stats)")
      let digest = "getfattr -n user.mammofs.sha256 \"$M/images/user-7/2026/01/2.dcm\" 2>&1"
      #expect(try poll(seconds: 30) { try m.run(digest).status == 0 })
      #expect(try m.sh("\"$B\" stats \"$M\"").contains("1 damaged"))
      #expect(try poll(seconds: 30) { try m.stats().images.count == count + 1 })
      try m.remount()
      #expect(try Files.text(m.stored(".mammofs/scrub.json")).contains("lastEnd"))
    }
  }

  @Test("A mount for reading gives no digests and scrubs nothing")
  func readOnly() throws {
    try withoutMount("-o", "ro", "--scrub-interval", "0.0005") { m in
      try m.sh("mkdir -p \"$R/images/user-7/2026/11\"; echo x > \"$R/images/user-7/2026/11/a.dcm\"")
      try m.mount()
      let report = try report(m, "$M")
      #expect(report.withoutDigest == 1 && report.given == 0)
      #expect(try !Files.text(m[".stats"]).contains("integrity"))
      try m.unmount()
      let names = try m.sh("getfattr -d -m - \"$R/images/user-7/2026/11/a.dcm\"")
      #expect(!names.contains("mammofs"), "\(names)")
      #expect(!Files.exists(m.stored(".mammofs/scrub.json")))
    }
  }
}
