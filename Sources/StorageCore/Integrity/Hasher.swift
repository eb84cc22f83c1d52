internal import CLinux
internal import Crypto
internal import Glibc
internal import Synchronization
package import SystemPackage

/// Reads whole files and makes their SHA-256.
package struct FileHasher: Sendable {
  /// Bytes a second; `nil` is as fast as it goes.
  package let rate: Int64?
  /// Asked between pieces; true ends the reading early.
  package let isCancelled: @Sendable () -> Bool
  /// Told of each piece, in bytes.
  package let advanced: @Sendable (Int64) -> Void
  private static let piece: Int64 = 1 << 20

  package init(
    rate: Int64? = nil, isCancelled: @escaping @Sendable () -> Bool,
    advanced: @escaping @Sendable (Int64) -> Void = { _ in }
  ) {
    self.rate = rate
    self.isCancelled = isCancelled
    self.advanced = advanced
  }

  /// The digest of `size` bytes, or of fewer where the file ends before; `nil` where it was cancelled.
  package func sha256(of file: SharedDescriptor, size: Int64) throws(Errno) -> [UInt8]? {
    var progress = HashProgress()
    guard try advance(&progress, of: file, to: size) else { return nil }
    return progress.sha256
  }

  /// Goes on with a file, to the byte `size` or for `limit` bytes or to its end; false where it was cancelled.
  ///
  /// Holes are not read: they are zeros, however much of them there is.
  func advance(
    _ progress: inout HashProgress, of file: SharedDescriptor, to size: Int64, limit: Int64 = .max
  ) throws(Errno) -> Bool {
    let end = min(size, progress.offset.addingClamped(limit))
    var buffer = [UInt8](repeating: 0, count: Int(min(max(size, 1), Self.piece)))
    var part = FilePart(end: progress.offset)
    var read: Int64 = 0
    let start = Clock.monotonic()
    while progress.offset < end {
      guard !isCancelled() else { return false }
      let offset = progress.offset
      if offset >= part.end { part = FilePart(of: file, at: offset) }
      var count = Int(min(Self.piece, size - offset))
      if part.isHole, part.end >= offset + Int64(count) {
        progress.update(Self.zeros, count)
      } else {
        count = min(try fill(&buffer, from: file, at: offset), count)
        progress.update(buffer, count)
        read += Int64(count)
      }
      guard count > 0 else {
        progress.isAtEnd = true
        break
      }
      advanced(Int64(count))
      guard pause(after: read, since: start) else { return false }
    }
    return true
  }

  private static let zeros = [UInt8](repeating: 0, count: Int(piece))

  /// Reads a whole piece, so that the next begins at a multiple of its size; less at the end of the file only.
  private func fill(_ buffer: inout [UInt8], from file: SharedDescriptor, at offset: Int64) throws(Errno) -> Int {
    var failure: Errno?
    let count = buffer.withUnsafeMutableBytes { bytes in
      do throws(Errno) {
        var filled = try Sys.readUncached(file, at: offset, into: bytes)
        while filled > 0, filled < bytes.count {
          let more = try Sys.read(
            file, at: offset + Int64(filled), into: UnsafeMutableRawBufferPointer(rebasing: bytes[filled...]))
          if more == 0 { break }
          filled += more
        }
        return filled
      } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
    return count
  }

  /// Keeps to the rate; false where it was cancelled meanwhile.
  private func pause(after bytes: Int64, since start: UInt64) -> Bool {
    guard let rate else { return true }
    let due = start + UInt64(Double(bytes) / Double(rate) * 1e9)
    while true {
      let now = Clock.monotonic()
      if now >= due { return true }
      if isCancelled() { return false }
      // The rate is what is waited for; in pieces, so that a stop is not.
      usleep(useconds_t(min(due - now, 100_000_000) / 1000))
    }
  }
}

/// A file's SHA-256, as far as the file was read.
struct HashProgress: Sendable {
  private var hash = SHA256()
  private(set) var offset: Int64 = 0
  /// The file ends here, perhaps before it was to.
  fileprivate(set) var isAtEnd = false

  /// Of what was read.
  var sha256: [UInt8] { Array(hash.finalize()) }

  fileprivate mutating func update(_ bytes: [UInt8], _ count: Int) {
    bytes.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    offset += Int64(count)
  }
}

/// A part of a file that is one hole, or holds data.
private struct FilePart {
  var isHole = false
  let end: Int64

  /// Nothing is known up to there.
  init(end: Int64) { self.end = end }

  /// The part that begins at `offset`. Where nobody can tell, it is read.
  init(of file: SharedDescriptor, at offset: Int64) {
    do throws(Errno) {
      let data = try Sys.seek(file, offset: offset, whence: lx_SEEK_DATA)
      isHole = data > offset
      end = isHole ? data : try Sys.seek(file, offset: offset, whence: lx_SEEK_HOLE)
    } catch {
      let size = error == .noSuchAddressOrDevice ? (try? Sys.stat(file).st_size).map(Int64.init) ?? 0 : 0
      isHole = size > offset
      end = isHole ? size : .max
    }
  }
}

/// Has files read on a thread that runs when nothing else wants to.
///
/// That thread takes no lock that anybody else waits for: kept from running with one, it would hold up whoever does.
/// Whoever asks here runs as everybody does, and books the result.
final class IdleReader: Sendable {
  private let state = Monitor(State())

  private struct State {
    var job: (@Sendable () -> Void)?
    var isDone = false
    var isStopping = false
    /// The number of the thread, while there is one.
    var thread: CInt?
    var isStarted = false
  }

  /// The digest of a file; `nil` where it was cancelled, or this stopped. One caller at a time.
  func sha256(of file: SharedDescriptor, size: Int64, _ hasher: FileHasher) throws(Errno) -> [UInt8]? {
    try advance(HashProgress(), of: file, to: size, limit: .max, hasher)?.sha256
  }

  /// As ``FileHasher/advance(_:of:to:limit:)``; how far it is then, and `nil` as above.
  func advance(
    _ progress: HashProgress, of file: SharedDescriptor, to size: Int64, limit: Int64, _ hasher: FileHasher
  ) throws(Errno) -> HashProgress? {
    let box = Box()
    let starts = state.change { state -> Bool? in
      guard !state.isStopping else { return nil }
      state.isDone = false
      state.job = {
        do throws(Errno) {
          var progress = progress
          let isDone = try hasher.advance(&progress, of: file, to: size, limit: limit)
          let result = isDone ? progress : nil
          box.value.withLock { $0 = .success(result) }
        } catch {
          box.value.withLock { $0 = .failure(error) }
        }
      }
      defer { state.isStarted = true }
      return !state.isStarted
    }
    guard let starts else { return nil }
    if starts, !Thread.startIfPossible("digests-idle", { [self] in run() }) {
      // This thread does this one job, and the next one asks again.
      state.change { $0.isStarted = false }
      next()?()
      state.change { $0.isDone = true }
    }
    let isDone = state.wait(until: nil) { state, _ in state.isDone ? true : state.isStopping ? false : nil }
    guard isDone ?? false else { return nil }
    return try box.value.withLock { $0 }.get()
  }

  /// Lets the thread end; a piece that is being read is not waited for.
  func stop() {
    let thread = state.change { state in
      state.isStopping = true
      return state.thread
    }
    // So that it ends soon on a busy machine, too.
    if let thread { Sys.setIdle(thread: thread, false) }
  }

  private func run() {
    let thread = Sys.threadNumber()
    Sys.setIdle(thread: thread, true)
    state.change { $0.thread = thread }
    while let job = next() {
      job()
      state.change { $0.isDone = true }
    }
    state.change { $0.thread = nil }
  }

  private func next() -> (@Sendable () -> Void)? {
    state.wait(until: nil) { state, _ -> (@Sendable () -> Void)?? in
      if state.isStopping { return .some(nil) }
      guard let job = state.job else { return nil }
      state.job = nil
      return job
    } ?? nil
  }

  /// A result that outlives whoever does not wait for it any more.
  private final class Box: Sendable {
    let value = Mutex<Result<HashProgress?, Errno>>(.success(nil))
  }
}
