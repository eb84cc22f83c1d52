import FoundationEssentials
import StorageCore

/// What a verification found, for people and for programs.
struct VerificationReport {
  let state: VerificationState
  /// It came to its end.
  let isDone: Bool
  /// Files without a digest were to be given one.
  let isGiving: Bool
  /// Those that could not be given one yet.
  let notYet: Int
  /// Those that cannot be given one.
  let noRoom: Int
  /// What a list of checksums says of them.
  let comparison: ChecksumComparison?

  /// Why the command fails, if it does.
  var failure: Failure? {
    var parts: [String] = []
    let (damaged, unreadable) = (Int64(state.damaged.count), Int64(state.unreadable.count))
    if damaged > 0 { parts.append("\(counted(damaged, "file")) damaged; restore from a backup") }
    if unreadable > 0 { parts.append("\(counted(unreadable, "file or folder", "files or folders")) could not be read") }
    let differs = comparison.map { isDone && !$0.failures.isEmpty } ?? false
    if let comparison, isDone { parts += comparison.failures }
    if !isDone { parts.append("interrupted; run the same command again to go on") }
    guard !parts.isEmpty else { return nil }
    return Failure(parts.joined(separator: "; "), code: damaged > 0 || differs ? 1 : Failure.noAnswer)
  }

  var text: String {
    var text = ""
    for finding in state.findings { text += "\(finding.path) \(finding.reason)\n" }
    let verified = counted(Int64(state.verified.count), "file")
    text += "\(verified) verified, \(ByteCount(bytes: state.verified.size).text)\n"
    let without = state.withoutDigest + state.stale
    if without > 0 {
      text += "\(counted(Int64(without), "file")) had no digest"
      if state.stale > 0 { text += " of what they hold now" }
      if isGiving { text += ", \(state.given) given one" }
      if notYet > 0 { text += ", \(notYet) not yet: too young, or being changed" }
      if noRoom > 0 { text += ", \(noRoom) cannot have one: the file's other attributes, or the disk, leave no room" }
      text += "\n"
    }
    if state.changing > 0 { text += "\(counted(Int64(state.changing), "file")) changed meanwhile\n" }
    if let comparison, isDone { text += comparison.text }
    return text
  }

  var json: String {
    let figures = Figures(
      complete: isDone, verified: state.verified, withoutDigest: state.withoutDigest, stale: state.stale,
      given: state.given, notYet: notYet, noRoom: noRoom, changing: state.changing,
      damaged: state.damaged.map { Figures.Finding(path: $0.path, reason: $0.reason) },
      unreadable: state.unreadable.map { Figures.Finding(path: $0.path, reason: $0.reason) },
      against: isDone ? comparison?.figures : nil)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Strings and integers: there is nothing in it that cannot be encoded.
    return String(decoding: (try? encoder.encode(figures)) ?? Data(), as: UTF8.self) + "\n"
  }

  private struct Figures: Encodable {
    struct Finding: Encodable {
      let path: String
      let reason: String
    }

    let complete: Bool
    let verified: Tally
    let withoutDigest: Int
    let stale: Int
    let given: Int
    let notYet: Int
    let noRoom: Int
    let changing: Int
    let damaged: [Finding]
    let unreadable: [Finding]
    let against: ChecksumComparison.Figures?
  }
}
