import Glibc
import Testing

/// One session of chunked upload, driven by plain calls.
struct Upload {
  let mounted: MountedRoot
  let id: String

  init(_ mounted: MountedRoot, _ id: String = "s1") throws {
    self.mounted = mounted
    self.id = id
    try Files.makeFolder(mounted[path])
  }

  var path: String { "temp/uploads/\(id)" }
  var marker: String { "\(path)/.complete" }

  /// A path in the session, in the mount.
  subscript(name: String) -> String { mounted["\(path)/\(name)"] }

  func write(_ bytes: [UInt8], to name: String) throws { try Files.write(bytes, to: self[name]) }

  /// Chunks that are not of one size, and what they are together.
  @discardableResult
  func fill(_ names: [String] = ["chunk_0", "chunk_1", "chunk_2"]) throws -> [UInt8] {
    var whole: [UInt8] = []
    for (index, name) in names.enumerated() {
      let bytes = Bytes.pattern(5000 + 777 * index, seed: index)
      try write(bytes, to: name)
      whole += bytes
    }
    return whole
  }

  /// Writes the marker; the errno it met, 0 for none.
  func mark(_ content: String) -> ErrnoName {
    ErrnoName(Files.writeAndClose(Array(content.utf8), to: self[".complete"]))
  }

  func stats() throws -> SessionStats { try SessionStats(json: try Files.text(self[".stats"])) }

  func result() throws -> CompletionResult { try CompletionResult(json: try Files.text(self[".complete"])) }

  func names() throws -> [String] { try Files.names(in: mounted[path]) }

  /// Expects the session to have become the file at `target`.
  func expectComplete(
    _ target: String, _ content: [UInt8], chunks: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for path in [mounted[target], mounted.stored(target)] {
      guard Files.exists(path) else {
        Issue.record(
          "\(path) is not there; the session says \((try? Files.text(self[".stats"])) ?? "nothing")",
          sourceLocation: sourceLocation)
        return
      }
      let isSame = try Files.read(path) == content
      #expect(isSame, "\(path) has other content", sourceLocation: sourceLocation)
    }
    let result = try result()
    #expect(result.storagePath == target, sourceLocation: sourceLocation)
    #expect(result.size == content.count, sourceLocation: sourceLocation)
    #expect(result.chunks == chunks, sourceLocation: sourceLocation)
    #expect(try stats().state == "complete", sourceLocation: sourceLocation)
    let left = try names().filter { $0.hasPrefix("chunk_") }
    #expect(left.isEmpty, "chunks are left: \(left)", sourceLocation: sourceLocation)
  }

  /// Expects a marker to be refused: with the errno, with all as it was and no marker, and with `.stats` of the
  /// session and `.errors` saying why.
  func expectRefused(
    _ content: String, _ errno: Int32, says: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try expectRefused(errno, says: says, sourceLocation: sourceLocation) { mark(content) }
  }

  func expectRefused(
    _ errno: Int32, says: String? = nil, sourceLocation: SourceLocation = #_sourceLocation,
    _ marking: () throws -> ErrnoName
  ) throws {
    let before = try contents()
    let known = Set(try mounted.refusals())
    let result = try marking()
    let expected = ErrnoName(errno)
    #expect(result == expected, sourceLocation: sourceLocation)
    let after = try contents()
    #expect(before == after, "the refused marker changed something", sourceLocation: sourceLocation)
    #expect(!Files.exists(self[".complete"]), "the refused marker is still there", sourceLocation: sourceLocation)
    let stats = try stats()
    #expect(stats.state == "receiving", sourceLocation: sourceLocation)
    let error = stats.error ?? ""
    #expect(!error.isEmpty, ".stats of the session does not say why", sourceLocation: sourceLocation)
    // One that is refused again is counted in its line, which then is another.
    let lines = try mounted.refusals().filter { !known.contains($0) }
    let line = lines.last { $0.contains(marker) && $0.contains(" \(expected) ") }
    #expect(line != nil, ".errors has no such line: \(Array(lines))", sourceLocation: sourceLocation)
    if let says {
      #expect(error.contains(says), sourceLocation: sourceLocation)
      #expect(line?.contains(says) ?? false, sourceLocation: sourceLocation)
    }
  }

  /// All files with their content; times of folders may change while a marker comes and goes.
  private func contents() throws -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    func collect(_ path: String) throws {
      for name in try Files.names(in: path) where name != ".stats" && name != ".errors" && name != ".mammofs" {
        let child = "\(path)/\(name)"
        switch try Files.stat(child).st_mode & S_IFMT {
        case S_IFDIR:
          contents[child] = []
          try collect(child)
        case S_IFREG: contents[child] = try Files.read(child)
        default: contents[child] = []
        }
      }
    }
    try collect(mounted.mountPoint)
    try collect(mounted.root)
    return contents
  }
}

/// Content for tests.
enum Bytes {
  /// Bytes that repeat at no power of two, so that a misplaced piece shows.
  static func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
    var state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }
}
