import Dispatch
import Glibc

/// The kernel's tables tell of mounts and servers; the mount itself is never asked, because it may hang.
extension MountedRoot {
  var isMounted: Bool { isMounted(at: mountPoint) }

  func isMounted(at path: String) -> Bool { mountCount(at: path) > 0 }

  /// How many mounts lie upon one another at the mount point.
  var mountCount: Int { mountCount(at: mountPoint) }

  private func mountCount(at path: String) -> Int {
    let table = (try? Files.text("/proc/self/mounts")) ?? ""
    return table.split(separator: "\n").count { line in
      line.split(separator: " ").dropFirst().first.map { $0 == path } ?? false
    }
  }

  /// The processes that run the binary for this storage root.
  var servers: [pid_t] {
    let processes = ((try? Files.names(in: "/proc")) ?? []).compactMap { pid_t($0) }
    return processes.filter { process in
      guard let command = try? Files.text("/proc/\(process)/cmdline"), command.contains(folder) else { return false }
      return executable(of: process).map { $0.hasSuffix("mammofs") || $0.hasSuffix("mammofs (deleted)") } ?? false
    }
  }

  /// The one that serves; another of ``servers`` is its supervisor.
  var server: pid_t? {
    let lines = ((try? Files.text("\(root)/.mammofs/lock")) ?? "").split(separator: "\n")
    return lines.first { $0.hasPrefix("process ") }.flatMap { pid_t($0.dropFirst(8)) }
  }

  private func executable(of process: pid_t) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/\(process)/exe", &buffer, buffer.count)
    guard length > 0 else { return nil }
    return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Ends supervisor and server as a crash of both would; the mount is dead when this returns.
  func killServers() {
    // A process that has ended may hold its descriptors for another moment, and a supervisor may have started a server
    // just before its own end.
    _ = poll(seconds: 10) {
      for process in servers { kill(process, SIGKILL) }
      var figures = statvfs()
      return servers.isEmpty && (!isMounted || statvfs(mountPoint, &figures) != 0)
    }
  }

  /// Kibibytes of memory that the servers occupy.
  var residentMemory: Int {
    servers.reduce(0) { sum, process in
      let status = (try? Files.text("/proc/\(process)/status")) ?? ""
      let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
      return sum + (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
    }
  }
}

/// Runs something after a while, on no thread of a test.
enum Watchdog {
  static func after(seconds: Int, _ body: @escaping @Sendable () -> Void) {
    DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(seconds), execute: body)
  }
}
