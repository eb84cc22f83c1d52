internal import CFuse
import Glibc
import Synchronization
public import SystemPackage

/// Tells the kernel what changed behind its back, and registers backing files for passthrough.
///
/// To drop something from its memory the kernel takes locks that a request under
/// way may hold: a handler that told the kernel by itself could wait for its own
/// end. So these calls only queue, and a thread of their own delivers. They may
/// be made from anywhere, at any time, and return at once; when the mount is gone
/// they do nothing.
public final class KernelNotifier: Sendable {
  enum Message {
    case entry([UInt8], parent: NodeID)
    case attributes(NodeID)
    case data(NodeID)
  }

  struct Queue {
    var messages: [Message] = []
    var queued: UInt64 = 0
    var delivered: UInt64 = 0
    var isClosed = false
  }

  private let queue = Monitor(Queue())
  /// The descriptor of the mount while it may be used; the lock keeps it from being closed meanwhile.
  private let device = Monitor<CInt?>(nil)
  private let passthrough = Atomic<Bool>(false)

  init() {}

  /// Forget what `name` (with no zero byte) in `parent` leads to, or that it leads nowhere.
  ///
  /// The corresponding C function is `fuse_lowlevel_notify_inval_entry`.
  public func invalidateEntry(_ name: [UInt8], in parent: NodeID) {
    send(.entry(name + [0], parent: parent))
  }

  /// Forget the attributes of `node`.
  ///
  /// The corresponding C function is `fuse_lowlevel_notify_inval_inode` with a negative offset.
  public func invalidateAttributes(of node: NodeID) { send(.attributes(node)) }

  /// As ``invalidateAttributes(of:)``, done when the call returns. Also from a handler: the kernel takes no lock for it
  /// that a request may hold.
  public func invalidateAttributesAtOnce(of node: NodeID) {
    // What the kernel answers (it did not know the node, the mount is gone) changes nothing.
    device.withLock { device in if let device { mfs_notify_attributes(device, node.rawValue) } }
  }

  /// Forget the attributes of `node` and all its cached bytes.
  ///
  /// The corresponding C function is `fuse_lowlevel_notify_inval_inode`.
  public func invalidateData(of node: NodeID) { send(.data(node)) }

  /// Waits until everything queued so far was delivered, and returns whether it was.
  ///
  /// Not from a handler: delivery may wait for that very request, and then the time runs out.
  public func waitUntilDelivered(timeoutMilliseconds: Int) -> Bool {
    let goal = queue.withLock { $0.queued }
    let end = monotonicNanoseconds() &+ UInt64(max(0, timeoutMilliseconds)) &* 1_000_000
    let deadline = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
    return queue.wait(deadline: deadline) { $0.delivered >= goal || $0.isClosed }
  }

  private func send(_ message: Message) {
    let isFirst = queue.withLock { queue in
      guard !queue.isClosed else { return false }
      queue.messages.append(message)
      queue.queued += 1
      return queue.messages.count == 1
    }
    if isFirst { queue.wakeAll() }
  }

  // MARK: The session's side

  /// Delivers until ``close()``, on the calling thread.
  func deliver(to session: LibfuseSession) {
    while true {
      let messages: [Message]? = queue.wait { queue in
        if queue.isClosed { return .some(nil) }
        guard !queue.messages.isEmpty else { return nil }
        defer { queue.messages = [] }
        return queue.messages
      }
      guard let messages else { return }
      for message in messages {
        // What the kernel answers (it did not know the name, the mount is gone) changes nothing.
        switch message {
        case .entry(let name, let parent): session.invalidateEntry(name, in: parent)
        case .attributes(let node): session.invalidateNode(node, offset: -1, length: 0)
        case .data(let node): session.invalidateNode(node, offset: 0, length: 0)
        }
        let isClosed = queue.withLock { queue in
          queue.delivered += 1
          return queue.isClosed
        }
        if isClosed { return }
      }
      queue.wakeAll()
    }
  }

  /// Drops what is queued, and all that will be.
  func close() {
    queue.withLock {
      $0.isClosed = true
      $0.messages = []
    }
    queue.wakeAll()
  }

  func open(device descriptor: CInt, passthrough agreed: Bool) {
    device.withLock { $0 = descriptor }
    passthrough.store(agreed, ordering: .sequentiallyConsistent)
  }

  func closeDevice() {
    device.withLock { $0 = nil }
    passthrough.store(false, ordering: .sequentiallyConsistent)
  }
}

// MARK: Passthrough

extension KernelNotifier {
  /// Whether the kernel agreed to read and write backing files by itself.
  ///
  /// It may still refuse each of them: with `EPERM` where the server lacks CAP_SYS_ADMIN, which is then
  /// so for the whole mount.
  public var passthroughAvailable: Bool { passthrough.load(ordering: .relaxed) }

  /// Registers an open file as a backing file and returns its id. The descriptor may be closed afterwards.
  ///
  /// All opens of one node at a time must share one id, and none of them may be ``OpenedFile/Service-swift.enum/cached``.
  /// Throws `ENOTCONN` where nothing is mounted. The corresponding C call is
  /// `ioctl(FUSE_DEV_IOC_BACKING_OPEN)`.
  public func registerBacking(_ descriptor: CInt) throws(Errno) -> Int32 {
    let result: CInt = device.withLock { device in
      guard let device else { return -ENOTCONN }
      let id = mfs_backing_open(device, descriptor)
      return id > 0 ? id : -errno
    }
    guard result > 0 else { throw Errno(rawValue: result == 0 ? EIO : -result) }
    return result
  }

  /// Gives an id back, after the last handle that was opened with it is released.
  ///
  /// The corresponding C call is `ioctl(FUSE_DEV_IOC_BACKING_CLOSE)`.
  public func unregisterBacking(_ id: Int32) {
    device.withLock { device in
      if let device { _ = mfs_backing_close(device, id) }
    }
  }
}
