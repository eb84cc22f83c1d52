/// The kind of a request, by the kernel's number.
struct Opcode: RawRepresentable, Hashable {
  let rawValue: UInt32

  static let lookup = Opcode(rawValue: 1)
  static let forget = Opcode(rawValue: 2)
  static let getattr = Opcode(rawValue: 3)
  static let open = Opcode(rawValue: 14)
  static let read = Opcode(rawValue: 15)
  static let write = Opcode(rawValue: 16)
  static let release = Opcode(rawValue: 18)
  static let fsync = Opcode(rawValue: 20)
  static let initialise = Opcode(rawValue: 26)
  static let create = Opcode(rawValue: 35)
  static let interrupt = Opcode(rawValue: 36)
  static let batchForget = Opcode(rawValue: 42)
  static let fsyncdir = Opcode(rawValue: 30)
  static let readdirplus = Opcode(rawValue: 44)
  static let fallocate = Opcode(rawValue: 43)
  static let copyFileRange = Opcode(rawValue: 47)

  /// Whether a request of this kind waits for a disk by nature.
  ///
  /// Before such a one the lead is handed over, which costs a wake: more than most
  /// requests take. Of all others the ``Watch`` finds out which ones block here.
  var takesLong: Bool {
    switch self {
    case .fsync, .fsyncdir, .fallocate, .copyFileRange: true
    default: false
    }
  }

  /// Whether a request moves so many bytes that this takes longer than a wake.
  func moves(bytes: Int) -> Bool { (self == .read || self == .write) && bytes >= Opcode.manyBytes }

  /// Whether somebody waits for the answer.
  var hasCaller: Bool {
    switch self {
    case .forget, .batchForget, .interrupt, .release: false
    default: true
    }
  }

  /// Whether a request of this kind may be served before a RELEASE that came earlier: what a caller that has just
  /// closed a file does next, unless it is something that waits for the close.
  var mayOvertakeRelease: Bool {
    switch self {
    case .lookup, .getattr, .open, .create: true
    default: false
    }
  }

  /// This kind in a set of 64.
  var bit: UInt64 { 1 << UInt64(rawValue & 63) }

  /// Moving so many bytes takes longer than waking a thread. What the page cache asks for at once is less: one
  /// caller that reads or writes a file from end to end is served fastest by one thread.
  static let manyBytes = 256 << 10
}
