internal import FoundationEssentials

/// What a marker asks for.
public struct CompletionRequest: Hashable, Sendable {
  /// Where the chunks are to go.
  public enum Target: Hashable, Sendable {
    case path(StoragePath)
    /// As ``Storage/saveFile(_:userID:imageID:fileExtension:overwriting:)`` files it: under the present month.
    case filed(userID: String, fileName: String)
    /// `temp/processing/SESSION`
    case workspace
  }

  public var target: Target
  public var totalChunks: Int?
  /// Bytes.
  public var size: Int64?
  /// In lower-case hexadecimal.
  public var sha256: String?
  public var overwrite = false

  public init(_ target: Target) { self.target = target }

  /// More than this is no marker.
  public static let longestMarker = 65536

  /// Parses the content of a marker: nothing, a path, or JSON.
  public init(marker bytes: [UInt8]) throws(StorageError) {
    guard bytes.count <= Self.longestMarker else {
      throw .badMarker("a marker holds a path or a JSON object, at most \(Self.longestMarker) bytes")
    }
    // Some editors begin a text with U+FEFF, which nobody sees.
    let bytes = bytes.starts(with: "\u{FEFF}".utf8) ? bytes.dropFirst(3) : bytes[...]
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .badMarker("the marker is not UTF-8; write a path or a JSON object")
    }
    let content = text.unicodeScalars.trimmingWhitespace
    if content.isEmpty {
      self.init(.workspace)
    } else if content.first == "{" {
      try self.init(json: Data(String(content).utf8))
    } else {
      self.init(.path(try Self.target(String(content))))
    }
  }

  private init(json: Data) throws(StorageError) {
    let fields: Fields
    do {
      fields = try JSONDecoder().decode(Fields.self, from: json)
    } catch {
      throw .badMarker("the marker's JSON cannot be understood: \(Self.explain(error))")
    }
    if let path = fields.path {
      guard fields.userId == nil, fields.imageId == nil, fields.extension == nil else {
        throw .badMarker("the marker has both a path and userId, imageId or extension; say one of them")
      }
      self.init(.path(try Self.target(path)))
    } else if let userID = fields.userId, let imageID = fields.imageId {
      let fileName = StoragePath.imageName(imageID, fields.extension ?? "")
      // Refused here, so that a bad id is known before anything is assembled.
      let path = try Self.marking {
        () throws(StorageError) in try StoragePath(.images, userID: userID, year: 2000, month: 1, fileName: fileName)
      }
      guard case .image = path.place else { throw .badTarget(NameRules.noWorkName(path.fileName)) }
      self.init(.filed(userID: userID, fileName: fileName))
    } else {
      throw .badMarker("the marker's JSON needs path, or userId and imageId (and extension)")
    }
    guard (fields.totalChunks?.value ?? 0) >= 0, (fields.size?.value ?? 0) >= 0 else {
      throw .badMarker("totalChunks and size are not negative")
    }
    totalChunks = fields.totalChunks.map { Int($0.value) }
    size = fields.size?.value
    overwrite = fields.overwrite ?? false
    if let digest = fields.sha256?.lowercased() {
      guard digest.utf8.count == 64, digest.utf8.allSatisfy({ NameRules.isDigit($0) || (97...102).contains($0) }) else {
        throw .badMarker("sha256 is 64 hexadecimal digits")
      }
      sha256 = digest
    }
  }

  private struct Fields: Decodable {
    var userId: String?
    var imageId: String?
    var `extension`: String?
    var path: String?
    var totalChunks: Count?
    var size: Count?
    var sha256: String?
    var overwrite: Bool?
  }

  /// A whole number. Of one that is none, or is too large, the decoder by itself says what it says of broken JSON.
  private struct Count: Decodable {
    let value: Int64

    init(from decoder: any Decoder) throws {
      do {
        value = try decoder.singleValueContainer().decode(Int64.self)
      } catch let error as DecodingError {
        throw error
      } catch {
        // Passed on as it is, this would come out as an error of no key.
        throw DecodingError.dataCorrupted(
          DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "\(error)"))
      }
    }
  }

  /// A path that can hold the file.
  package static func target(_ text: String) throws(StorageError) -> StoragePath {
    let path = try marking { () throws(StorageError) in try StoragePath(parsing: text) }
    switch path.place {
    case .image, .workspaceEntry: return path
    case .work: throw .badTarget(NameRules.noWorkName(path.fileName))
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .userStats, .temp, .uploads, .session, .chunk,
      .sessionWork, .marker, .sessionStats, .workspace:
      throw .badTarget("'\(text)' is no place for an image; write images/user-ID/YYYY/MM/NAME or temp/processing/NAME")
    }
  }

  /// In a marker every bad name is «invalid argument», whatever a system call would say of it.
  private static func marking<Result>(_ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
    do { return try body() } catch { throw .badTarget(error.advice) }
  }

  private static func explain(_ error: any Error) -> String {
    switch error {
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
      DecodingError.keyNotFound(_, let context):
      "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has the wrong type"
    case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
      "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' is not a whole number, or too large a one"
    default: "it is not valid JSON"
    }
  }

  /// The path that the request means at a moment (seconds since 1970, local time).
  func path(session: FileName, at moment: Int64) throws(StorageError) -> StoragePath {
    switch target {
    case .path(let path): return path
    case .workspace: return try StoragePath(names: Layout.workspacePath + [session])
    case .filed(let userID, let fileName):
      let (year, month) = Clock.yearAndMonth(at: moment)
      return try StoragePath(.images, userID: userID, year: year, month: month, fileName: fileName)
    }
  }

  /// Whether a completion that ended as `record` is what this request asks for.
  package func isSatisfied(by record: CompletionRecord, session: FileName) -> Bool {
    guard let done = try? StoragePath(parsing: record.storagePath) else { return false }
    let sameTarget =
      switch target {
      case .path(let path): path == done
      case .workspace: done.names == Layout.workspacePath + [session]
      case .filed(let userID, let fileName):
        done.names.count == 5 && done.names[0] == "images" && done.names[1] == FileName("user-\(userID)")
          && done.fileName == FileName(fileName)
      }
    return sameTarget && totalChunks ?? record.chunks == record.chunks && size ?? record.size == record.size
      && (sha256 == nil || record.sha256 == nil || sha256 == record.sha256)
  }
}

extension String.UnicodeScalarView {
  fileprivate var trimmingWhitespace: SubSequence {
    var part = self[...]
    while let first = part.first, first.properties.isWhitespace { part.removeFirst() }
    while let last = part.last, last.properties.isWhitespace { part.removeLast() }
    return part
  }
}
