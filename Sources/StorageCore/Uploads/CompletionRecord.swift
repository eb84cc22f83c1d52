internal import FoundationEssentials

/// What a completed session became; what its `.complete` reads as.
public struct CompletionRecord: Hashable, Sendable, Codable {
  /// Relative to the storage root.
  public let storagePath: String
  /// Bytes.
  public let size: Int64
  public let chunks: Int
  /// In lower-case hexadecimal, where it was computed.
  public let sha256: String?

  public init(storagePath: String, size: Int64, chunks: Int, sha256: String?) {
    self.storagePath = storagePath
    self.size = size
    self.chunks = chunks
    self.sha256 = sha256
  }

  /// JSON, one key a line.
  var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Strings and integers: there is nothing in it that cannot be encoded.
    return [UInt8]((try? encoder.encode(self)) ?? Data()) + [10]
  }

  init?(json: [UInt8]) {
    guard let record = try? JSONDecoder().decode(CompletionRecord.self, from: Data(json)) else { return nil }
    self = record
  }
}
