/// What the scrub found and what `mammofs verify` told, each file once; kept in `.mammofs`, so that it is told after a
/// remount, too.
struct FoundDamage: Codable {
  private var verified = 0
  private var lastEnd: Int64?
  /// Files that the scrub under way, or else the last one, found damaged or could not read.
  private var scrubbed: Set<String> = []
  /// The pass they are of, and how many it had found.
  private var pass: Pass?
  /// Those that were told, and when, in seconds since 1970: until a scrub that began later has ended.
  private var told: [String: Int64] = [:]

  /// The last verification of the whole by `mammofs verify`, in seconds since 1970.
  private(set) var whole: Span?

  struct Span: Codable, Equatable {
    let started: Int64
    let ended: Int64
  }

  private struct Pass: Codable, Equatable {
    let started: Int64
    let findings: Int
  }

  /// Whether somebody should know it who looks after the next start: more than that another file was found as it was.
  func isNews(after before: FoundDamage) -> Bool {
    (scrubbed, told, lastEnd) != (before.scrubbed, before.told, before.lastEnd) || whole != before.whole
  }

  var figures: IntegrityFigures {
    var figures = IntegrityFigures()
    figures.verified = verified
    figures.damaged = scrubbed.union(told.keys).count
    figures.lastScrub = [lastEnd, whole?.ended].compactMap { $0 }.max()
    return figures
  }

  mutating func scrubbed(_ state: VerificationState?, lastEnd: Int64?) {
    if let state {
      verified = state.verified.count
      // After each file, and there may be many findings.
      if pass?.started != state.started || pass?.findings != state.findings.count {
        pass = Pass(started: state.started, findings: state.findings.count)
        scrubbed = Set(state.findings.map(\.path))
      }
      if lastEnd != self.lastEnd { told = told.filter { $0.value >= state.started } }
    }
    self.lastEnd = lastEnd
  }

  /// `mammofs verify` has read all of the store: what it did not tell is not damaged any more.
  mutating func verifiedWhole(_ span: Span, verified count: Int) {
    whole = span
    verified = count
    scrubbed = []
    pass = nil
    told = told.filter { $0.value >= span.started }
  }

  mutating func found(_ path: String, at moment: Int64) { told[path] = moment }

  /// Other bytes are there, and have their digest.
  mutating func replaced(_ path: String) { told[path] = nil }
}
