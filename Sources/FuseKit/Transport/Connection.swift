internal import CFuse
import Glibc
import Synchronization
import SystemPackage

/// The descriptor over which the kernel asks, and the means to stop waiting for it.
final class Connection: Sendable {
  let descriptor: CInt
  private let stopEvent: CInt
  private let stopping = Atomic<Bool>(false)

  /// The largest request: a WRITE of 1 MiB with its header, and room to spare.
  static let requestSize = (1 << 20) + (64 << 10)

  /// Counts the requests that were read.
  private let progress: ProgressCounter?
  private let processors: IdleProcessors?

  /// `descriptor` stays its opener's to close.
  init(descriptor: CInt, progress: ProgressCounter? = nil, processors: IdleProcessors? = nil) throws(Errno) {
    self.descriptor = descriptor
    self.progress = progress
    self.processors = processors
    // Non-blocking, so that trying is possible and stopping can interrupt the wait.
    guard mfs_set_nonblocking(descriptor) == 0 else { throw Errno(rawValue: errno) }
    stopEvent = mfs_eventfd()
    guard stopEvent >= 0 else { throw Errno(rawValue: errno) }
  }

  deinit { close(stopEvent) }

  enum Arrival {
    /// A request of so many bytes is in the buffer; `wasWaiting`: since before somebody looked.
    case request(Int, wasWaiting: Bool)
    /// ``stop()`` was called.
    case stopped
    /// The file system is unmounted.
    case gone
    case failed(Errno)
    /// As often as was asked, there was none.
    case nothing
  }

  /// Makes ``receive(into:patience:)`` return `stopped`, now and from now on.
  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    // Never read again, so that whoever polls next is stopped too.
    var one: UInt64 = 1
    _ = write(stopEvent, &one, 8)
  }

  /// Waits for a request: first by trying as often as `patience` says, then asleep.
  ///
  /// - Parameter limit: to try so often at most, and never to sleep.
  func receive(
    into buffer: UnsafeMutableRawBufferPointer, patience: inout Patience, mayPoll: Bool = true, upTo limit: Int? = nil
  ) -> Arrival {
    var tries = mayPoll ? patience.tries : 0
    if let limit { tries = min(tries, limit) }
    let start = monotonicNanoseconds()
    var wasWaiting = true
    while true {
      if stopping.load(ordering: .relaxed) { return .stopped }
      let size = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if size > 0 {
        progress?.increment()
        let waited = monotonicNanoseconds() &- start
        if mayPoll { patience.arrived(after: waited) }
        processors?.requestArrived(bytes: size, closely: waited < patience.pause)
        return .request(size, wasWaiting: wasWaiting)
      }
      let error = errno
      switch size == 0 ? ENODEV : error {
      case EAGAIN where tries > 0:
        wasWaiting = false
        tries -= 1
      case EAGAIN where limit != nil: return .nothing
      case EAGAIN:
        wasWaiting = false
        waitUntilReadable()
      // ENOENT: the request was taken back while it was being read.
      case EINTR, ENOENT: continue
      case ENODEV, ECONNABORTED: return .gone
      default: return .failed(Errno(rawValue: error))
      }
    }
  }

  private func waitUntilReadable() {
    if let processors, processors.areKept {
      // They are let go of when nobody has asked for so long.
      if isReadable(within: 1) { return }
      processors.rest()
    }
    _ = isReadable(within: -1)
  }

  /// Waits until there is a request or ``stop()`` was called, for so many milliseconds; -1 is for as long as it takes.
  private func isReadable(within milliseconds: CInt) -> Bool {
    withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { descriptors in
      descriptors.initializeElement(at: 0, to: pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
      descriptors.initializeElement(at: 1, to: pollfd(fd: stopEvent, events: Int16(POLLIN), revents: 0))
      return poll(descriptors.baseAddress, 2, milliseconds) != 0
    }
  }
}
