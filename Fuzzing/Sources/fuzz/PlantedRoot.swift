import Glibc
import SystemPackage

@testable import StorageCore

/// A storage root with saved state in it that somebody made up: a start has to come through.
///
/// The input is divided by zero bytes; the first of each piece says what it becomes.
enum PlantedRoot {
  static func test(_ input: UnsafeRawBufferPointer) {
    let path = Scratch.folder()
    defer { Scratch.remove(path) }
    do {
      try Storage(path: path).with {
        try $0.initialize()
        try $0.saveChunk([1, 2, 3], sessionID: "s", index: 0)
        try $0.saveChunk([4], sessionID: "s", index: 1)
        try $0.close()
      }
    } catch {
      fatalError("\(error)")
    }
    for piece in input.split(separator: 0).prefix(16) { plant(piece.first ?? 0, Array(piece.dropFirst()), path) }
    do {
      try Storage(path: path).with {
        try $0.initialize()
        _ = $0.cleanupTempFiles(olderThan: 0, dryRun: true)
        _ = try $0.getStorageStats().json
        _ = try? $0.assembleChunks(sessionID: "s", as: CompletionRequest(.workspace))
        try $0.close()
      }
    } catch {
      fatalError("a start that was refused: \(error)")
    }
  }

  private static func plant(_ kind: UInt8, _ bytes: [UInt8], _ root: String) {
    let session = "\(root)/temp/uploads/s"
    switch kind % 8 {
    case 0: write(bytes, "\(root)/.mammofs/usage.json")
    case 1: write(bytes, "\(session)/.complete")
    case 2: write(bytes, "\(session)/completing")
    case 3:
      // A number in the staging folder, as the bytes spell it, and what it is.
      let name = bytes.prefix { $0 != 32 }
      write(
        bytes, "\(root)/.mammofs/staging/\(safe(name))", attribute: "user.mammofs.origin",
        Array(bytes.dropFirst(name.count + 1)))
    case 4: write([9], "\(session)/chunk_2", attribute: "user.mammofs.place", bytes)
    case 5: truncate("\(session)/chunk_0", off_t(Int64(String(decoding: bytes, as: UTF8.self)) ?? 7))
    case 6: write(bytes, "\(session)/\(safe(bytes[...]))")
    default: write(bytes, "\(root)/.mammofs/lock")
    }
  }

  private static func safe(_ name: ArraySlice<UInt8>) -> String {
    let text = String(decoding: name.filter { $0 != 47 && $0 != 0 }.prefix(200), as: UTF8.self)
    return text.isEmpty || text == "." || text == ".." ? "x" : text
  }

  private static func write(_ bytes: [UInt8], _ path: String, attribute: String? = nil, _ value: [UInt8] = []) {
    let file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
    guard file >= 0 else { return }
    defer { close(file) }
    _ = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
    if let attribute { try? Sys.setExtendedAttribute(FileName(attribute), of: file, to: value) }
  }
}

extension Storage {
  func with(_ body: (Storage) throws -> Void) throws { try body(self) }
}

/// Storage roots in memory, one after another.
enum Scratch {
  static func folder() -> String {
    var template = Array("/dev/shm/mammofs-fuzz.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no folder in /dev/shm: \(errno)") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  static func remove(_ path: String) {
    if let stream = opendir(path) {
      while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name == "." || name == ".." { continue }
        let child = "\(path)/\(name)"
        if unlink(child) != 0 { remove(child) }
      }
      closedir(stream)
    }
    rmdir(path)
  }
}
