import Testing

@testable import StorageCore

@Suite("What was found damaged")
struct FoundDamageTests {
  private func pass(_ started: Int64, _ paths: String...) -> VerificationState {
    var state = VerificationState(folder: "", started: started)
    state.findings = paths.map {
      VerificationState.Finding(path: $0, reason: "is damaged", isDamage: true, errno: 74)
    }
    return state
  }

  @Test("counts each file once, whoever found it, until a scrub that began later has ended")
  func once() {
    var found = FoundDamage()
    found.found("a", at: 10)
    found.found("a", at: 11)
    #expect(found.figures.damaged == 1)
    found.scrubbed(pass(5, "a", "b"), lastEnd: nil)
    #expect(found.figures.damaged == 2)
    found.found("c", at: 12)
    // It began before anybody told of c.
    found.scrubbed(pass(5, "a", "b"), lastEnd: 13)
    #expect(found.figures.damaged == 3 && found.figures.lastScrub == 13)
    found.scrubbed(pass(20), lastEnd: 13)
    #expect(found.figures.damaged == 2)
    found.scrubbed(pass(20), lastEnd: 21)
    #expect(found.figures.damaged == 0)
  }

  @Test("forgets what was told of a file that was replaced")
  func replaced() {
    var found = FoundDamage()
    found.found("a", at: 10)
    found.replaced("a")
    #expect(found.figures.damaged == 0)
  }
}
