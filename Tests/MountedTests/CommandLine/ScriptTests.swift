import Testing

/// The scripts for people; those that build are run by hand.
@Suite("mount.sh", .timeLimit(.minutes(15)))
struct ScriptTests {
  @Test(
    "Wrong usage exits with 64 before anything is built or made",
    arguments: ["a b", "a --root", "--root r a b", "a --temp-max-age 48 b", "a -o"])
  func usage(arguments: String) throws {
    try withoutMount { m in
      let outcome = try m.run("\"$S\" \(arguments)", ["S": "\(Prerequisites.package)/mount-scripts/mount.sh"])
      #expect(outcome.status == 64 && outcome.errors.isOneLine, "\(outcome)")
      #expect(try Files.names(in: m.folder) == ["mnt", "root"])
    }
  }
}
