import Crypto
import FoundationEssentials
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
      try complete(
        Marker(
          path: path, totalChunks: chunks, size: size, sha256: checksDigest ? try digest() : nil, overwrite: overwrite))
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
  private func complete(_ marker: Marker) throws {
    let content = try JSONEncoder().encode(marker)
    do throws(Errno) {
      let file = try Sys.createFile("\(folder)/.complete")
      try Sys.writeAll(file, at: 0, Array(content))
      try file.close()
    } catch {
      throw Failure("the upload was refused: \(reason(error, marker))")
    }
  }

  /// Why the session was not completed, and what to do about it here, where nobody writes markers by hand.
  private func reason(_ error: Errno, _ marker: Marker) -> String {
    if error == .fileExists, !marker.overwrite {
      return "\(marker.path) exists; choose another name, or replace it with --overwrite"
    }
    guard let file = try? Sys.openFile("\(folder)/.stats"), let bytes = try? Sys.readUnsized(file),
      let said = try? JSONDecoder().decode(SessionFigures.self, from: Data(bytes)).error
    else { return "\(error)" }
    return said
  }

  private func abort() {
    // What stays is cleaned up with the idle sessions.
    for index in 0..<min(next.load(ordering: .relaxed), chunks) { unlink("\(folder)/chunk_\(index)") }
    rmdir(folder)
  }
}

/// What the marker says.
private struct Marker: Encodable {
  let path: String
  let totalChunks: Int64
  let size: Int64
  let sha256: String?
  let overwrite: Bool
}

/// What is asked of a session's `.stats`.
private struct SessionFigures: Decodable {
  let error: String?
}
