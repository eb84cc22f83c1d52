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
    var hash = SHA256()
    var offset: Int64 = 0
    var buffer = [UInt8](repeating: 0, count: Int(min(max(size, 1), Self.piece)))
    let start = Clock.monotonic()
    while offset < size {
      guard !isCancelled() else { return nil }
      let count = try fill(&buffer, from: file, at: offset)
      if count == 0 { break }
      buffer.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      offset += Int64(count)
      advanced(Int64(count))
      guard pause(after: offset, since: start) else { return nil }
    }
    return Array(hash.finalize())
  }

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
    let box = Box()
    let starts = state.change { state -> Bool? in
      guard !state.isStopping else { return nil }
      state.isDone = false
      state.job = {
        do throws(Errno) {
          let digest = try hasher.sha256(of: file, size: size)
          box.value.withLock { $0 = .success(digest) }
        } catch {
          box.value.withLock { $0 = .failure(error) }
        }
      }
      defer { state.isStarted = true }
      return !state.isStarted
    }
    guard let starts else { return nil }
    if starts { Thread.start("digests-idle") { [self] in run() } }
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
    let value = Mutex<Result<[UInt8]?, Errno>>(.success(nil))
  }
}
