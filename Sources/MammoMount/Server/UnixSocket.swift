internal import Glibc
internal import StorageCore
internal import SystemPackage

/// The few calls on local sockets that the mount needs.
enum UnixSocket {
  /// Listens at `name` in a folder; only the owner may connect.
  static func listen(in folder: CInt, name: String) throws(Errno) -> CInt {
    let socket = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    guard socket >= 0 else { throw Errno(rawValue: errno) }
    let bound = withAddress("/proc/self/fd/\(folder)/\(name)") { address, size in
      fchmod(socket, 0o600) == 0 ? bind(socket, address, size) : -1
    }
    guard bound == 0, Glibc.listen(socket, 8) == 0 else {
      let error = errno
      close(socket)
      throw Errno(rawValue: error)
    }
    return socket
  }

  /// Whether the other side has ended.
  static func isHungUp(_ connection: CInt) -> Bool {
    var asked = pollfd(fd: connection, events: 0, revents: 0)
    return poll(&asked, 1, 0) > 0 && asked.revents & Int16(POLLHUP | POLLERR) != 0
  }

  static func accept(_ listener: CInt) -> CInt? {
    while true {
      let connection = Glibc.accept(listener, nil, nil)
      if connection >= 0 {
        // Whoever says nothing, or does not listen, keeps the others waiting.
        limit(connection, seconds: 10)
        return connection
      }
      switch errno {
      case EINTR, ECONNABORTED: continue
      case EMFILE, ENFILE, ENOBUFS, ENOMEM:
        // It passes, and the kernel tells nobody when.
        usleep(100_000)
      default: return nil
      }
    }
  }

  /// So long a single call waits; 0 is for ever.
  private static func limit(_ socket: CInt, seconds: Int) {
    var patience = timeval(tv_sec: seconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(socket, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  static func connect(in folder: CInt, name: String, patience: Int) -> CInt? {
    // The name itself, so that a link in its place leads nowhere.
    guard let place = try? Sys.openPath(FileName(name), in: folder) else { return nil }
    let socket = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    guard socket >= 0 else { return nil }
    limit(socket, seconds: patience)
    let connected = withAddress("/proc/self/fd/\(place.raw)") { Glibc.connect(socket, $0, $1) }
    guard connected == 0 else {
      close(socket)
      return nil
    }
    return socket
  }

  /// Sends to a datagram socket, as systemd's notification one; `@` stands for the abstract namespace.
  static func send(_ text: String, to path: String) {
    let socket = Glibc.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
    guard socket >= 0 else { return }
    defer { close(socket) }
    _ = withAddress(path) { address, size in
      Array(text.utf8).withUnsafeBytes { sendto(socket, $0.baseAddress, $0.count, 0, address, size) }
    }
  }

  /// Nanoseconds for what is said in one direction, however slowly; the last call may take its own time still.
  private static let patience: UInt64 = 10_000_000_000

  static func readLine(_ connection: CInt) -> String {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    let deadline = Clock.monotonic() + patience
    while line.count < 4096, Clock.monotonic() < deadline, read(connection, &byte, 1) == 1, byte != 10 {
      line.append(byte)
    }
    return String(decoding: line, as: UTF8.self)
  }

  static func readAll(_ connection: CInt) -> String {
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(connection, &piece, piece.count)
      guard count > 0 else { return String(decoding: text, as: UTF8.self) }
      text += piece[..<count]
    }
  }

  static func write(_ connection: CInt, _ text: String) {
    let bytes = Array(text.utf8)
    var done = 0
    let deadline = Clock.monotonic() + patience
    while done < bytes.count, Clock.monotonic() < deadline {
      // Whoever asked may be gone; that is no reason for a signal.
      let count = bytes[done...].withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      done += count
    }
  }

  private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int) -> Int {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let length = withUnsafeMutableBytes(of: &address.sun_path) { room in
      let count = min(bytes.count, room.count - 1)
      room.copyBytes(from: bytes[..<count])
      if bytes.first == UInt8(ascii: "@") { room[0] = 0 }
      return count
    }
    let isAbstract = bytes.first == UInt8(ascii: "@")
    let size = socklen_t(MemoryLayout<sa_family_t>.size + length + (isAbstract ? 0 : 1))
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
    }
  }

  private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
    CInt(withAddress(path) { Int(body($0, $1)) } as Int)
  }
}
