import Crypto
import FoundationEssentials
import Glibc
import StorageCore
import Synchronization
import SystemPackage

/// One upload through a mount, by nothing but files: a session folder, chunks, the marker.
final class ChunkedUpload: Sendable {
  let source: UploadSource
  let chunkSize: Int64
  let session: String
  private let mount: String
  private let folder: String
  private let progress: Progress
  private let isStopping: StopSignal
  private let next = Atomic<Int64>(0)
  private let failure = Mutex<Failure?>(nil)

  init(
    source: UploadSource, chunkSize: Int64, mount: String, progress: Progress, isStopping: StopSignal
  ) {
    self.source = source
    self.chunkSize = chunkSize
    self.progress = progress
    self.isStopping = isStopping
    self.mount = mount
    session = "upload-\(getpid())-\(Clock.monotonic())"
    folder = "\(mount)/temp/uploads/\(session)"
  }

  private var size: Int64 { source.size }

  /// An empty file is one empty chunk.
  var chunks: Int64 { size == 0 ? 1 : (size - 1) / chunkSize + 1 }

  func run(jobs: Int, to path: String, overwrite: Bool, checksDigest: Bool) throws {
    try check(path, overwrite: overwrite)
    guard mkdir(folder, 0o750) == 0 else {
      throw Failure("cannot open an upload session in the mount: \(Errno(rawValue: errno))")
    }
    do {
      try sendAll(jobs)
      let sha256 = checksDigest ? try digest() : nil
      if isStopping.isSet { throw Interruption() }
      try source.checkUnchanged()
      // From here on it is the server's.
      try complete(Marker(path: path, totalChunks: chunks, size: size, sha256: sha256, overwrite: overwrite))
    } catch {
      let isGone = abort()
      guard error is Interruption else { throw error }
      throw Failure(
        isGone
          ? "interrupted; nothing of it is kept"
          : "interrupted; what stays in \(folder) goes with the idle sessions, or by rm -r")
    }
    // The result has been told; a session that stays for a while does no harm.
    rmdir(folder)
  }

  // MARK: Before anything is sent

  /// What can be known of the target before everything is sent for nothing. The marker is checked all the same.
  private func check(_ text: String, overwrite: Bool) throws {
    guard UInt64(chunks) <= ChunkIndex.largest + 1 else {
      throw Failure(
        "that takes \(chunks) chunks, and a session has \(ChunkIndex.largest + 1) at most; choose a larger --chunk-size"
      )
    }
    let path: StoragePath
    do throws(StorageError) {
      path = try CompletionRequest.target(text)
    } catch {
      throw Failure("the upload was refused: \(error)")
    }
    var there = stat()
    for count in 1..<path.names.count {
      let folder = path.names.prefix(count).map(\.description).joined(separator: "/")
      guard lstat("\(mount)/\(folder)", &there) == 0 else { return }
      guard there.st_mode & S_IFMT == S_IFDIR else {
        throw Failure("the upload was refused: \(folder) is no folder; choose another place")
      }
    }
    guard lstat("\(mount)/\(path)", &there) == 0 else { return }
    guard there.st_mode & S_IFMT == S_IFREG else {
      throw Failure("the upload was refused: \(path) is a folder or a special file; choose another name")
    }
    guard overwrite else { throw Failure("the upload was refused: \(Self.exists(text))") }
  }

  private static func exists(_ path: String) -> String {
    "\(path) exists; choose another name, or replace it with --overwrite"
  }

  // MARK: Sending

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
    if isStopping.isSet { throw Interruption() }
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  /// Sends chunks until there are no more.
  private func work() {
    while failure.withLock({ $0 == nil }), !isStopping.isSet {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < chunks else { return }
      do throws(Errno) {
        guard try send(index) else { return failure.withLock { $0 = $0 ?? source.isShort } }
      } catch {
        failure.withLock { $0 = $0 ?? Failure("chunk \(index) could not be written: \(error)") }
      }
    }
  }

  /// False where the file ends before its end.
  private func send(_ index: Int64) throws(Errno) -> Bool {
    let target = try Sys.createFile("\(folder)/chunk_\(index)")
    let start = index * chunkSize
    let end = start + min(chunkSize, size - start)
    var offset = start
    while offset < end, !isStopping.isSet {
      let piece = try Sys.readAll(source.file, from: offset, limit: Int(min(1 << 20, end - offset)))
      if piece.isEmpty { return false }
      try Sys.writeAll(target, at: offset - start, piece)
      offset += Int64(piece.count)
      progress.advance(Int64(piece.count))
    }
    try target.close()
    return true
  }

  private func digest() throws -> String {
    var hash = SHA256()
    var offset: Int64 = 0
    while true {
      if isStopping.isSet { throw Interruption() }
      let from = offset
      let piece = try Failure.explaining("read the file") { () throws(Errno) in
        try Sys.readAll(source.file, from: from, limit: 1 << 20)
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
      return Self.exists(marker.path)
    }
    guard let file = try? Sys.openFile("\(folder)/.stats"), let bytes = try? Sys.readUnsized(file),
      let said = try? JSONDecoder().decode(SessionFigures.self, from: Data(bytes)).error
    else { return "\(error)" }
    return said
  }

  /// Whether all of it is gone; what stays is cleaned up with the idle sessions.
  private func abort() -> Bool {
    for index in 0..<min(next.load(ordering: .relaxed), chunks) { unlink("\(folder)/chunk_\(index)") }
    return rmdir(folder) == 0
  }
}

/// Somebody wants it to end.
private struct Interruption: Error {}

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
