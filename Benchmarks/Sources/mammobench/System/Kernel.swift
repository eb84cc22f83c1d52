import Glibc

/// What a run asks of the kernel as a whole, and reads from its files.
enum Kernel {
  enum Caches: String {
    /// What is clean of files' contents.
    case pages = "1"
    /// Names and inodes that nobody holds.
    case names = "2"
    case all = "3"
  }

  /// Only what is clean goes. Lets servers deal with what they are told of it.
  static func drop(_ caches: Caches) throws(Failure) {
    let path = "/proc/sys/vm/drop_caches"
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("open", path) }
    defer { close(descriptor) }
    guard write(descriptor, caches.rawValue, 1) == 1 else { throw .system("write", path) }
    pause(milliseconds: 200)
  }

  /// Bytes of memory that a process and its children hold: a mount's supervisor and its server.
  static func residentBytesOfAll(from process: pid_t) throws(Failure) -> Int {
    var sum = try residentBytes(of: process)
    for child in try text(of: "/proc/\(process)/task/\(process)/children").split(separator: " ") {
      if let child = pid_t(child) { sum += try residentBytesOfAll(from: child) }
    }
    return sum
  }

  private static func residentBytes(of process: pid_t) throws(Failure) -> Int {
    for line in try text(of: "/proc/\(process)/status").split(separator: "\n") where line.hasPrefix("VmRSS:") {
      if let kilobytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({ Int($0) })
      {
        return kilobytes * 1024
      }
    }
    throw Failure("no VmRSS of process \(process)")
  }

  /// A small file, such as those of /proc, whose size is not known before it is read.
  static func text(of path: String) throws(Failure) -> String {
    let file = try File(path)
    let buffer = Buffer(count: 1 << 16)
    var bytes: [UInt8] = []
    while true {
      let got = try file.read(into: buffer, count: buffer.count)
      guard got > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += buffer.bytes.prefix(got)
    }
  }
}
