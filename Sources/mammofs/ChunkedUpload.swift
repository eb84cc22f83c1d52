import Crypto
import Glibc
import StorageCore
import Synchronization
import SystemPackage

/// One upload through a mount, by nothing but files: a session folder, chunks, the marker.
final class ChunkedUpload: Sendable {
  let source: SharedDescriptor
  let size: Int64
  let chunkSize: Int64
  let session: String
  private let folder: String
  private let progress: Progress
  private let next = Atomic<Int64>(0)
  private let failure = Mutex<Failure?>(nil)

  init(source: SharedDescriptor, size: Int64, chunkSize: Int64, mount: String, progress: Progress) {
    self.source = source
    self.size = size
    self.chunkSize = chunkSize
    self.progress = progress
    session = "upload-\(getpid())-\(Clock.monotonic())"
    folder = "\(mount)/temp/uploads/\(session)"
  }

  /// An empty file is one empty chunk.
  var chunks: Int64 { max(1, (size + chunkSize - 1) / chunkSize) }

  func run(jobs: Int, to path: String, overwrite: Bool, checksDigest: Bool) throws {
    guard mkdir(folder, 0o750) == 0 else {
      throw Failure("cannot open an upload session in the mount: \(Errno(rawValue: errno))")
    }
    do {
      try sendAll(jobs)
      var marker = "{\"path\": \(Self.quoted(path)), \"totalChunks\": \(chunks), \"size\": \(size)"
      if checksDigest { marker += ", \"sha256\": \"\(try digest())\"" }
      marker += ", \"overwrite\": \(overwrite)}\n"
      try complete(marker)
    } catch {
      abort()
      throw error
    }
    // The result has been told; a session that stays for a while does no harm.
    rmdir(folder)
  }

  private func sendAll(_ jobs: Int) throws {
    let left = Monitor(jobs)
    for _ in 0..<jobs {
      StorageCore.Thread.start("upload") { [self] in
        work()
        left.change { $0 -= 1 }
      }
    }
    _ = left.wait(until: nil) { left, _ in left == 0 ? () : nil }
    progress.finish()
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  /// Sends chunks until there are no more.
  private func work() {
    while failure.withLock({ $0 == nil }) {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < chunks else { return }
      do throws(Errno) {
        try send(index)
      } catch {
        failure.withLock { $0 = $0 ?? Failure("chunk \(index) could not be written: \(error)") }
      }
    }
  }

  private func send(_ index: Int64) throws(Errno) {
    let target = try Sys.createFile("\(folder)/chunk_\(index)")
    let end = min(size, (index + 1) * chunkSize)
    var offset = index * chunkSize
    while offset < end {
      let piece = try Sys.readAll(source, from: offset, limit: Int(min(1 << 20, end - offset)))
      // The file became shorter meanwhile; the completion notices.
      if piece.isEmpty { break }
      try Sys.writeAll(target, at: offset - index * chunkSize, piece)
      offset += Int64(piece.count)
      progress.advance(Int64(piece.count))
    }
    try target.close()
  }

  private func digest() throws -> String {
    var hash = SHA256()
    var offset: Int64 = 0
    while true {
      let from = offset
      let piece = try Failure.explaining("read the file") { () throws(Errno) in
        try Sys.readAll(source, from: from, limit: 1 << 20)
      }
      if piece.isEmpty { break }
      hash.update(data: piece)
      offset += Int64(piece.count)
    }
    return hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Writes the marker; its close returns when the file is durable and in place.
  private func complete(_ marker: String) throws {
    do throws(Errno) {
      let file = try Sys.createFile("\(folder)/.complete")
      try Sys.writeAll(file, at: 0, Array(marker.utf8))
      try file.close()
    } catch {
      throw Failure(reason() ?? "the upload was refused: \(error)")
    }
  }

  /// Why the session says that it was refused.
  private func reason() -> String? {
    guard let file = try? Sys.openFile("\(folder)/.stats"), let bytes = try? Sys.readUnsized(file) else { return nil }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.contains("\"error\"") {
      let text = line.split(separator: "\"").dropFirst(3).joined(separator: "'")
      return text.isEmpty ? nil : text
    }
    return nil
  }

  private func abort() {
    // What stays is cleaned up with the idle sessions.
    for index in 0..<min(next.load(ordering: .relaxed), chunks) { unlink("\(folder)/chunk_\(index)") }
    rmdir(folder)
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result + "\""
  }
}
