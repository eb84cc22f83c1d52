/// Which chunk of an upload a name means.
public struct ChunkIndex: Hashable, Sendable {
  /// How the name spells the index; one session keeps to one of them.
  public enum Spelling: Hashable, Sendable {
    /// `chunk_7`, `chunk_007`
    case number
    /// `chunk_aa`, as `split` does by default
    case letters
  }

  /// From 0.
  public let value: UInt64
  public let spelling: Spelling

  /// Larger indexes are refused: no upload has so many chunks.
  public static let largest: UInt64 = 999_999_999

  public init(value: UInt64, spelling: Spelling = .number) {
    self.value = value
    self.spelling = spelling
  }

  /// Parses `chunk_…`.
  public init(_ name: FileName) throws(StorageError) {
    let prefix = "chunk_"
    let rule = "a session holds chunk_0, chunk_1, … (or split's chunk_aa, chunk_ab, …) and .complete, not '\(name)'"
    guard name.hasPrefix(prefix), name.count > prefix.utf8.count else {
      throw .badName(name.description, rule: rule)
    }
    let suffix = name.bytes.dropFirst(prefix.utf8.count)
    if suffix.allSatisfy(NameRules.isDigit) {
      var value: UInt64 = 0
      for digit in suffix {
        value = value * 10 + UInt64(digit - 48)
        guard value <= Self.largest else {
          throw .badName(name.description, rule: "a chunk's index is at most \(Self.largest), not \(name)")
        }
      }
      self.init(value: value, spelling: .number)
    } else if let value = Self.value(ofLetters: Array(suffix)) {
      self.init(value: value, spelling: .letters)
    } else {
      throw .badName(name.description, rule: rule)
    }
  }

  /// What a chunk of this index is called, without leading zeros.
  var name: String { "chunk_" + (spelling == .number ? String(value) : letters) }

  /// The reverse of ``value(ofLetters:)``.
  private var letters: String {
    var (rest, width, widenings) = (value, UInt64(26), 0)
    while rest >= 25 * width {
      rest -= 25 * width
      width *= 26
      widenings += 1
    }
    var letters: [UInt8] = []
    for _ in 0..<widenings + 2 {
      letters.append(UInt8(97 + rest % 26))
      rest /= 26
    }
    return String(repeating: "z", count: widenings) + String(decoding: letters.reversed(), as: UTF8.self)
  }

  /// The place of `split`'s letters in its order: `aa` … `yz`, `zaaa` … `zyzz`, `zzaaaa` …
  ///
  /// `split` widens by two letters before it would use up the last first letter, so that names go on sorting.
  private static func value(ofLetters letters: [UInt8]) -> UInt64? {
    guard letters.allSatisfy({ (97...122).contains($0) }) else { return nil }
    let widenings = letters.prefix { $0 == UInt8(ascii: "z") }.count
    // Six widenings are beyond the largest index.
    guard widenings <= 5, letters.count == 2 + 2 * widenings else { return nil }
    var before: UInt64 = 0
    var width: UInt64 = 26
    for _ in 0..<widenings {
      before += 25 * width
      width *= 26
    }
    var value: UInt64 = 0
    for letter in letters.dropFirst(widenings) { value = value * 26 + UInt64(letter - 97) }
    guard before + value <= largest else { return nil }
    return before + value
  }
}
