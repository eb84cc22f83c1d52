import Glibc

/// All that is in a tree, for comparing before and after: names, types, sizes, modes, owners, times and content.
struct Snapshot: Equatable, CustomStringConvertible {
  let lines: [String]

  /// - Parameter excluding: names at the top that are left out.
  init(of folder: String, excluding: Set<String>) throws {
    var lines: [String] = []
    try Self.collect(folder, "", excluding, &lines)
    self.lines = lines
  }

  var description: String { lines.joined(separator: "\n") }

  private static func collect(
    _ path: String, _ relative: String, _ excluding: Set<String>, _ lines: inout [String]
  ) throws {
    let stat = try Files.stat(path)
    let type = stat.st_mode & S_IFMT
    let content = type == S_IFREG ? String(hash(try Files.read(path)), radix: 16) : ""
    let size = type == S_IFREG ? "\(stat.st_size)" : "-"
    lines.append(
      "\(relative.isEmpty ? "." : relative) \(String(stat.st_mode, radix: 8)) \(stat.st_uid):\(stat.st_gid) \(size) "
        + "\(stat.st_mtim.tv_sec).\(stat.st_mtim.tv_nsec) \(content)")
    guard type == S_IFDIR else { return }
    for name in try Files.names(in: path) where !(relative.isEmpty && excluding.contains(name)) {
      try collect("\(path)/\(name)", relative.isEmpty ? name : "\(relative)/\(name)", excluding, &lines)
    }
  }

  /// FNV-1a, which is enough to see a change.
  private static func hash(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

extension MountedRoot {
  /// The mount and the storage root as they are now, without what tells of them.
  func snapshot() throws -> [Snapshot] {
    [
      try Snapshot(of: mountPoint, excluding: [".stats", ".errors"]),
      try Snapshot(of: root, excluding: [".mammofs"]),
    ]
  }
}
