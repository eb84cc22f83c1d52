public import Glibc

/// The name of one entry of a folder, as the kernel spelled it: bytes, never normalised.
public struct EntryName: Hashable, Sendable {
  /// The bytes of the name and one zero byte behind them.
  public let nulTerminated: [UInt8]

  /// A name whose bytes end with a zero byte.
  public init(nulTerminated: [UInt8]) { self.nulTerminated = nulTerminated }

  /// The name without its closing zero byte.
  public var bytes: ArraySlice<UInt8> { nulTerminated.dropLast() }
}

/// Who makes the request.
public struct Caller: Sendable {
  /// Its file system user ID.
  public let user: uid_t
  /// Its file system group ID.
  public let group: gid_t
  /// The thread that made the system call, in the server's PID namespace; 0 where it has no number there.
  public let process: pid_t
  /// The request in which it called.
  public let request: RequestNumber
  /// The number of the thread that serves the request: a small one, which no other thread has at the same time.
  public let worker: Int
}

/// What `stat` returns, and how long the kernel may believe it.
public struct Attributes: Sendable {
  /// Mode, size, times and the rest, as `stat` gives them.
  public var stat: stat
  /// Seconds for which the kernel may answer from memory.
  public var timeout: Double

  /// Attributes that may be believed for `timeout` seconds.
  public init(stat: stat, timeout: Double) {
    self.stat = stat
    self.timeout = timeout
  }
}

/// The answer to a lookup.
public struct Entry: Sendable {
  /// The node, or `nil` for «there is no such name», which the kernel may remember.
  public var node: NodeID?
  /// The attributes of the node.
  public var attributes: Attributes
  /// Seconds for which the kernel may believe that the name leads here (or nowhere).
  public var timeout: Double

  /// A node, whose name may be believed for `timeout` seconds.
  public init(node: NodeID, attributes: Attributes, timeout: Double) {
    self.node = node
    self.attributes = attributes
    self.timeout = timeout
  }

  /// «There is no such name», believed for `timeout` seconds.
  public static func none(timeout: Double) -> Entry {
    var entry = Entry(node: .root, attributes: Attributes(stat: stat(), timeout: 0), timeout: timeout)
    entry.node = nil
    return entry
  }
}

/// What ``FileSystem/setAttributes(of:handle:to:_:)`` is asked to change; `nil` stays as it is.
public struct AttributeChanges: Sendable {
  /// A time to be set.
  public enum Time: Sendable {
    /// The time at which the request is served.
    case now
    /// A time that the caller named.
    case at(timespec)
  }
  /// The permission bits, with the type of the node.
  public var mode: mode_t?
  /// The owner.
  public var user: uid_t?
  /// The owner's group.
  public var group: gid_t?
  /// Bytes.
  public var size: Int64?
  /// The time of the last access.
  public var accessed: Time?
  /// The time of the last change of the bytes.
  public var modified: Time?
}

/// How an opened file is to be served.
public struct OpenedFile: Sendable {
  /// What later requests of this open name it by.
  public var handle: HandleID
  /// Who moves the bytes.
  public var service: Service
  /// The kernel may skip FLUSH at close.
  public var skipsFlush: Bool

  /// Who moves the bytes.
  public enum Service: Sendable {
    /// The kernel's page cache, filled through READ; what it holds from earlier opens stays valid.
    case cached
    /// Each `read` and `write` of a caller is a request.
    case direct
    /// The kernel reads and writes the backing file by itself, by the id from ``KernelNotifier/registerBacking(_:)``.
    case passthrough(backing: Int32)
  }

  /// An open file.
  public init(handle: HandleID, service: Service, skipsFlush: Bool = false) {
    self.handle = handle
    self.service = service
    self.skipsFlush = skipsFlush
  }
}
