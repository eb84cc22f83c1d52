internal import CFuse
import Glibc

/// What one thread needs to serve requests: its buffers, and what it remembers.
///
/// Buffers live as long as the thread, since fresh memory is slow to touch.
final class Worker {
  /// Where requests are read to. One is overwritten by the next.
  let requestBuffer = UnsafeMutableRawBufferPointer.allocate(
    byteCount: Connection.requestSize, alignment: 4096)
  private var replyBuffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var patch: ReplyPatch?
  /// Replies of this thread reach nobody: what it serves has been answered before.
  var isReplaying = false
  /// What the reply to INIT agreed to, once this thread has sent it.
  var agreed: InitFlags = []
  var patience: Patience
  var company = Company()

  /// The kernel's number of the thread that made this.
  let thread = mfs_thread_id()

  /// A small number that no other worker has meanwhile.
  let number: Int

  /// - Parameter number: of one that serves requests of the kernel's.
  init(polling: Int, number: Int = .max) {
    self.number = number
    patience = Patience(ceiling: polling)
    // All of it is there from the start: where a server is killed while the kernel copies a request into memory that has
    // yet to be found, the kernel gives up on the request, with EIO, instead of sending it to the next server.
    requestBuffer.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit {
    requestBuffer.deallocate()
    replyBuffer.deallocate()
  }

  /// Room for the bytes of a reply; the same memory at each call.
  func room(_ size: Int) -> UnsafeMutableRawBufferPointer {
    if replyBuffer.count < size {
      replyBuffer.deallocate()
      replyBuffer = .allocate(byteCount: max(size, 64 << 10), alignment: 4096)
    }
    return UnsafeMutableRawBufferPointer(rebasing: replyBuffer[..<size])
  }

  /// The next reply of this thread is to be changed so.
  func patchNextReply(_ patch: ReplyPatch) { self.patch = patch }

  func takePatch() -> ReplyPatch? {
    defer { patch = nil }
    return patch
  }

  /// What the leader may do while no request waits; it returns whether there is more of it. It ends with the lead.
  var spare: (() -> Bool)?

  /// The kernel's number of the request under way.
  var request = RequestNumber(rawValue: 0)

  // MARK: The worker of this thread

  private static let key = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  /// The worker that runs on this thread.
  static var current: Worker? {
    pthread_getspecific(key).map { Unmanaged<Worker>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Makes this the worker of the calling thread while `body` runs.
  func occupy<Result>(_ body: (Worker) -> Result) -> Result {
    pthread_setspecific(Worker.key, Unmanaged.passUnretained(self).toOpaque())
    defer { pthread_setspecific(Worker.key, nil) }
    return body(self)
  }
}
