import Testing

/// The server is killed again and again while many copy, upload, rename and delete. `mount-scripts/soak.sh` does it for
/// an hour, and more of it.
@Suite("A server that is killed under load", .mounting, .needs("python3"), .timeLimit(.minutes(30)))
struct KilledOftenTests {
  /// Two kills in the short form; a hundred, which take nine minutes, in the long one.
  @Test("is missed by no client: no error, no wrong byte, no memory and no descriptor lost")
  func underLoad() throws {
    try withMount { m in
      let kills = Prerequisites.isLong ? 100 : 2
      let said = try m.sh(
        "exec python3 \(quoted("\(Prerequisites.package)/Tests/Soak/soak.py")) --mount \"$M\" --root \"$R\" "
          + "--kills \(kills)",
        ["MAMMOFS_BINARY": Prerequisites.binary], seconds: 60 + 10 * kills)
      print(said)
      try m.expectStatsAsWalked()
    }
  }
}
