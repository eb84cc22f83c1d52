import Glibc
import Testing

/// The mount answers as a plain folder of the same file system would.
///
/// Each case is made call by call on both; the first difference ends it, and is printed
/// with the calls that led there.
@Suite("Parity with a plain folder", .mounting, .needs("python3"), .timeLimit(.minutes(10)))
struct ParityTests {
  @Test("The workspace answers as a plain folder does", arguments: ParityCase.all)
  func workspace(_ sequence: ParityCase) throws { try compare(sequence, in: .workspace) }

  @Test("A month folder answers as a plain folder does, but for what is no image", arguments: ParityCase.images)
  func images(_ sequence: ParityCase) throws { try compare(sequence, in: .images) }

  @Test("Any sequence of calls leads to the same tree in the workspace", arguments: seeds)
  func anythingInTheWorkspace(seed: UInt64) throws { try compareAnything(in: .workspace, seed: seed, calls: 1500) }

  @Test("Any sequence of calls leads to the same files in a month folder", arguments: seeds)
  func anythingInImages(seed: UInt64) throws { try compareAnything(in: .images, seed: seed, calls: 1500) }

  @Test("A long sequence of calls leads to the same tree", .long, arguments: ParityPlace.allCases)
  func anythingForLong(place: ParityPlace) throws {
    try compareAnything(in: place, seed: UInt64.random(in: 0..<1 << 32), calls: 60_000, seconds: 1200)
  }

  /// Three that stay, so that a failure is seen by all; a long run adds one of its own, and `MAMMOFS_SEED` runs one again.
  static let seeds: [UInt64] =
    if let given = getenv("MAMMOFS_SEED").flatMap({ UInt64(String(cString: $0)) }) {
      [given]
    } else {
      [1, 2, 3] + (Prerequisites.isLong ? [UInt64.random(in: 4..<1 << 32)] : [])
    }

  private func compare(_ sequence: ParityCase, in place: ParityPlace) throws {
    try run(
      """
      prepare()
      exec(compile(os.environ["SCRIPT"], "script", "exec"), dict(CALLS))
      become(0)
      CALLS["tree"]("")
      """, in: place, ["CASE": sequence.name, "SCRIPT": sequence.script])
  }

  private func compareAnything(in place: ParityPlace, seed: UInt64, calls: Int, seconds: Int = 120) throws {
    try run(
      ParityEngine.anything, in: place, ["CASE": "seed \(seed)", "SEED": "\(seed)", "COUNT": "\(calls)"],
      seconds: seconds)
  }

  private func run(
    _ script: String, in place: ParityPlace, _ variables: [String: String], seconds: Int = 60
  ) throws {
    let own = ["FOLDER": place.folder, "TABLE": ParityDifference.table(for: place), "PLACE": place.rawValue]
    try withMount { m in
      try m.python(ParityEngine.program + script, own.merging(variables) { $1 }, seconds: seconds)
      try m.expectStatsAsWalked()
    }
  }
}
