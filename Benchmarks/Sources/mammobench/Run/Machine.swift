import Glibc

/// What figures depend on.
enum Machine {
  static func facts() throws(Failure) -> [Results.Fact] {
    var name = utsname()
    guard uname(&name) == 0 else { throw .system("uname", "") }
    let kernel = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    return [
      Results.Fact(name: "date", value: date()),
      Results.Fact(name: "kernel", value: "Linux \(kernel)"),
      Results.Fact(name: "processor", value: "\(field("model name", "/proc/cpuinfo")), \(cores) cores"),
      Results.Fact(name: "memory", value: memory()),
    ]
  }

  private static func memory() -> String {
    let kilobytes = field("MemTotal", "/proc/meminfo").split(separator: " ").first.flatMap { Double($0) } ?? 0
    return "\(Figure.digits(kilobytes / Double(1 << 20))) GiB"
  }

  /// The first `key : value` line of the kernel's file.
  private static func field(_ key: String, _ path: String) -> String {
    let lines = ((try? Kernel.text(of: path)) ?? "").split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix(key) }), let colon = line.firstIndex(of: ":") else {
      return "unknown"
    }
    return String(line[line.index(after: colon)...].drop { $0 == " " })
  }

  private static func date() -> String {
    var now = time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    let (month, day) = (parts.tm_mon + 1, parts.tm_mday)
    return "\(parts.tm_year + 1900)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
  }
}
