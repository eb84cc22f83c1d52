internal import Glibc
internal import StorageCore
internal import SystemPackage

/// A file system that should be mounted and is not, by `/etc/fstab` or a mount unit of systemd: the folder that waits
/// for it is empty, and looks like a new one.
package enum MissingMount {
  private static let unitFolders = [
    "/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator", "/usr/lib/systemd/system",
  ]

  /// Where a file system is missing that would hold `path`, a ``MountPoint/resolved(_:)`` one.
  package static func over(_ path: String) -> String? {
    let mounted = MountLine.all().map(\.path)
    // As libmount has it, for whoever keeps another table.
    let table = getenv("LIBMOUNT_FSTAB").map { String(cString: $0) } ?? "/etc/fstab"
    let listed = lines(of: table).compactMap(place(inTable:))
    let units = above(path).filter { folder in
      unitFolders.contains { access("\($0)/\(unitName(of: folder))", F_OK) == 0 }
    }
    // Absolute ones, all of them.
    let wanted = listed.compactMap { try? MountPoint.resolved($0) }
    return missing(over: path, wanted: wanted + units, mounted: mounted)
  }

  /// The innermost place that is wanted, unless something is mounted there or further in.
  static func missing(over path: String, wanted: [String], mounted: [String]) -> String? {
    func innermost(_ places: [String]) -> String? {
      places.filter { MountPoint.isPath(path, in: $0) }.max { $0.utf8.count < $1.utf8.count }
    }
    guard let place = innermost(wanted) else { return nil }
    guard let mount = innermost(mounted), mount.utf8.count >= place.utf8.count else { return place }
    return nil
  }

  /// The second field of a line of `/etc/fstab`; `nil` for what does not hold a storage root.
  static func place(inTable line: Substring) -> String? {
    let fields = line.split(whereSeparator: \.isWhitespace)
    guard fields.count > 2, !fields[0].hasPrefix("#"), fields[1].hasPrefix("/") else { return nil }
    guard !["swap", "mammofs", "fuse.mammofs"].contains(fields[2]) else { return nil }
    return MountLine.unescaped(fields[1])
  }

  /// The name of systemd's unit for a mount point, as `systemd-escape --path --suffix=mount` makes it.
  static func unitName(of path: String) -> String {
    var name = ""
    for byte in MountPoint.names(of: path).joined(separator: "/").utf8 {
      switch byte {
      case UInt8(ascii: "/"): name += "-"
      case UInt8(ascii: ".") where name.isEmpty: name += "\\x2e"
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "."):
        name.unicodeScalars.append(Unicode.Scalar(byte))
      default: name += (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
      }
    }
    return (name.isEmpty ? "-" : name) + ".mount"
  }

  /// The path and the folders that lead to it.
  private static func above(_ path: String) -> [String] {
    var folders: [String] = []
    for name in MountPoint.names(of: path) { folders.append("\(folders.last ?? "")/\(name)") }
    return folders
  }

  private static func lines(of path: String) -> [Substring] {
    guard let file = try? Sys.openFile(path), let bytes = try? Sys.readUnsized(file) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
  }
}
