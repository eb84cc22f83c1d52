import Glibc
import Synchronization

/// Has idle processors wait for work without halting, while one request follows the other closely.
///
/// A processor of a virtual machine that has halted is started again by the
/// hypervisor, which takes longer than a small request does; and each reply starts
/// the one that its caller slept on. Linux polls instead where a wake may take no
/// time at all, which is what `/dev/cpu_dma_latency` is for. It does so only on
/// processors with nothing else to do, and it ends a millisecond after the last
/// request. The host sees such a processor as busy.
///
/// Only the leader calls, so one thread at a time.
final class IdleProcessors: Sendable {
  /// -1: they do as they like.
  private let device: CInt
  private let isHeld = Atomic<Bool>(false)
  private let closeRequests = Atomic<Int>(0)

  /// So many requests in a row have to follow closely: somebody who asks now and then should not pay for the switching.
  static let threshold = 16
  static let smallRequest = 16 << 10
  /// What the kernel takes for no wish at all, in microseconds.
  static let anyLatency: Int32 = 2_000_000_000

  /// Whether somebody sleeping is worth a call to ``rest()`` soon.
  var areKept: Bool { isHeld.load(ordering: .relaxed) }

  /// - Parameter device: -1 for none; closed by this.
  init(device: CInt) { self.device = device }

  /// For this machine. Leaves processors alone that are not a halting virtual machine's, which wake in a microsecond,
  /// and where the device is not the caller's to use, which is root's.
  convenience init() {
    self.init(device: IdleProcessors.halt ? open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC) : -1)
  }

  deinit { if device >= 0 { close(device) } }

  /// A request of so many bytes came; `closely` where the leader had hardly to wait for it.
  ///
  /// One that brings bytes to be written takes far longer than any wake, and was seen to take longer still beside a
  /// processor that polls.
  func requestArrived(bytes: Int, closely: Bool) {
    guard device >= 0 else { return }
    guard bytes <= Self.smallRequest else { return rest() }
    guard closely else { return closeRequests.store(0, ordering: .relaxed) }
    guard !areKept, closeRequests.wrappingAdd(1, ordering: .relaxed).newValue >= Self.threshold else { return }
    isHeld.store(wish(0), ordering: .relaxed)
  }

  /// There is no need: no request came for a while.
  func rest() {
    closeRequests.store(0, ordering: .relaxed)
    guard areKept else { return }
    isHeld.store(!wish(Self.anyLatency), ordering: .relaxed)
  }

  /// Tells the kernel how long a wake may take, in microseconds; false where it does not listen.
  private func wish(_ latency: Int32) -> Bool {
    withUnsafeBytes(of: latency) { write(device, $0.baseAddress, $0.count) == $0.count }
  }

  /// Whether this is a virtual machine whose idle processors halt, as Linux names its driver for such.
  private static var halt: Bool {
    let file = open("/sys/devices/system/cpu/cpuidle/current_driver", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { text in
      let length = read(file, text.baseAddress, text.count)
      return length > 0 && text[..<length].starts(with: "haltpoll".utf8)
    }
  }
}
