import Testing

/// A short form of `mount-scripts/power-cuts.sh`, which see.
@Suite(
  "A disk whose power is cut", .mounting, .needs("python3", "mkfs.ext4", "mkfs.xfs", "losetup", "unshare"),
  .timeLimit(.minutes(15)))
struct PowerCutTests {
  @Test("has whole files only, and all that somebody was told is there", arguments: ["ext4", "xfs"])
  func short(fileSystem: String) throws {
    try withoutMount { m in
      let program = "\(Prerequisites.package)/Tests/PowerCuts/power_cuts.py"
      try m.sh(
        "exec python3 \(quoted(program)) --fs \(fileSystem) --count 4 >&2",
        ["MAMMOFS_BINARY": Prerequisites.binary], seconds: 240)
    }
  }
}
