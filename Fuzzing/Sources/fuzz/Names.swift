@testable import StorageCore

/// Names and paths: places, chunk indexes, storage paths.
enum Names {
  static func test(_ input: UnsafeRawBufferPointer) {
    let parts = input.split(separator: 0, omittingEmptySubsequences: false).map { FileName(bytes: $0) }
    if let path = try? StoragePath(names: parts) { check(path) }
    if let path = try? StoragePath(parsing: String(decoding: input, as: UTF8.self)) {
      check(path)
      let again = try? StoragePath(parsing: path.description)
      expect(again == path, "\(path) reads as \(again.map(\.description) ?? "nothing")")
    }
    for part in parts {
      guard let index = try? ChunkIndex(part) else { continue }
      expect(index.value <= ChunkIndex.largest, "\(part)")
      expect((try? Place.session.child(part)) == .chunk, "\(part)")
    }
  }

  /// Nothing that is accepted leads up, or is more than one name.
  static func check(_ path: StoragePath) {
    for name in path.names {
      expect(!name.isDots && !name.bytes.contains(47) && !name.bytes.contains(0), "\(path)")
      expect((1...255).contains(name.count), "\(path)")
      expect(String(validating: name.bytes, as: UTF8.self) != nil, "\(path)")
    }
    if case .image(let area) = path.place {
      expect(
        path.names.count == 5 && path.names[0] == area.folderName && !NameRules.isWorkName(path.fileName), "\(path)")
    }
  }
}

/// Completion markers.
enum Markers {
  static func test(_ input: UnsafeRawBufferPointer) {
    guard let request = try? CompletionRequest(marker: Array(input)) else { return }
    expect((request.totalChunks ?? 0) >= 0 && (request.size ?? 0) >= 0, "\(request)")
    expect(request.sha256.map { $0.utf8.count == 64 } ?? true, "\(request)")
    guard let path = try? request.path(session: "session", at: 1_700_000_000) else { return }
    Names.check(path)
    switch path.place {
    case .image, .workspaceEntry: break
    default: fatalError("\(path) is no place for an image")
    }
    // What it becomes satisfies it, also once it was written down.
    let record = CompletionRecord(
      storagePath: path.description, size: request.size ?? 0, chunks: request.totalChunks ?? 1, sha256: request.sha256)
    guard let read = CompletionRecord(json: record.json) else { fatalError("\(record) cannot be read again") }
    expect(read == record && request.isSatisfied(by: read, session: "session"), "\(request) and \(read)")
  }
}

/// Saved state that is text: results of sessions, figures, origins.
enum State {
  static func test(_ input: UnsafeRawBufferPointer) {
    guard let kind = input.first else { return }
    let bytes = Array(input.dropFirst())
    switch kind % 3 {
    case 0:
      guard let record = CompletionRecord(json: bytes) else { return }
      expect(CompletionRecord(json: record.json) == record, "\(record)")
      for request in [CompletionRequest(.workspace), CompletionRequest(.filed(userID: "7", fileName: "a"))] {
        _ = request.isSatisfied(by: record, session: "session")
      }
    case 1:
      guard let file = UsageFile(json: bytes) else { return }
      var state = Ledger.State()
      file.restore(&state)
      let ledger = Ledger()
      ledger.withState { $0 = state }
      _ = (ledger.stats.json, ledger.stats(of: "user-7").json, UsageFile(state))
    default:
      let origin = Origin(parsing: String(decoding: bytes, as: UTF8.self))
      expect(Origin(parsing: origin.text) == origin, origin.text)
    }
  }
}
