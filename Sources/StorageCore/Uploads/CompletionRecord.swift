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
  ///
  /// Put together by hand: a completion waits for it, and after a large upload no code of an encoder is in the processor's
  /// caches, so that it would take longer than all calls to the disk.
  var json: [UInt8] {
    var text = "{\n  \"chunks\" : \(chunks),\n"
    if let sha256 { text += "  \"sha256\" : \(JSONText.string(sha256)),\n" }
    text += "  \"size\" : \(size),\n  \"storagePath\" : \(JSONText.string(storagePath))\n}\n"
    return [UInt8](text.utf8)
  }

  init?(json: [UInt8]) {
    guard let record = try? JSONDecoder().decode(CompletionRecord.self, from: Data(json)) else { return nil }
    self = record
  }

  /// Has a session's folder say that it is finished, for a later start, where its result is about to be deleted.
  package func note(on folder: SharedDescriptor) {
    // Without attributes, as on a full disk, an emptied session is one that may be used again after the next start.
    try? Sys.setExtendedAttribute(Layout.completedAttribute, of: folder, to: json)
  }

  init?(notedOn folder: SharedDescriptor) {
    guard let json = try? Sys.extendedAttribute(Layout.completedAttribute, of: folder) else { return nil }
    self.init(json: json)
  }
}
