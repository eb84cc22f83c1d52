import Glibc

/// What another process needs to go on serving a mount, once the one that serves it is gone.
///
/// The mount lives as long as some process has its descriptor open. See ``Session/adopt(_:unmount:)``.
public struct Continuation: Sendable {
  /// The descriptor over which the kernel asks.
  public let descriptor: CInt
  /// The kernel's first request, INIT, which it sends once only.
  public let initialization: [UInt8]
  /// What was agreed on then: the low half is `flags` of the reply, the high one `flags2`.
  public let agreed: UInt64

  /// Whether the kernel sends again what was read and not answered. Without that a client whose request was cut off
  /// waits for ever, and no other process can go on.
  public var canResend: Bool { InitFlags(rawValue: agreed).contains(.resend) }

  /// Whether the mount is still there, at whatever place. Meanwhile another may be at the place where it was.
  public var isMounted: Bool {
    var look = pollfd(fd: descriptor, events: 0, revents: 0)
    return poll(&look, 1, 0) >= 0 && look.revents & Int16(POLLERR) == 0
  }

  /// Puts together what ``Session/onNegotiation`` handed over.
  public init(descriptor: CInt, initialization: [UInt8], agreed: UInt64) {
    self.descriptor = descriptor
    self.initialization = initialization
    self.agreed = agreed
  }
}

/// A number that grows while requests are read, in memory that another process may watch.
public struct ProgressCounter: @unchecked Sendable {
  // One thread at a time reads requests, and a watcher needs no exact figure.
  private let count: UnsafeMutablePointer<UInt64>

  /// `count` stays valid as long as the session is.
  public init(_ count: UnsafeMutablePointer<UInt64>) { self.count = count }

  func increment() { count.pointee &+= 1 }
}
