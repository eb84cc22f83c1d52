internal import Glibc
internal import StorageCore
internal import SystemPackage

/// A line of the kernel's list of mounts, of whatever file system.
struct MountLine: Hashable, Sendable {
  let number: Int
  /// What it is mounted on.
  let parent: Int
  /// The same for all mounts of one file system.
  let device: String
  /// Which folder of the file system it shows: `/`, but for `mount --bind` of one in it.
  let folder: String
  let path: String
  let type: String
  let source: String
  /// Nothing can be changed by it, whatever it was mounted with.
  let isReadOnly: Bool
  /// Who mounted it, where it is a FUSE: that the kernel says, all else whoever mounts.
  let user: uid_t?

  /// The latest last.
  static func all() -> [MountLine] {
    guard let file = try? Sys.openFile("/proc/self/mountinfo"), let bytes = try? Sys.readUnsized(file) else {
      return []
    }
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { MountLine($0) }
  }

  /// By bytes: in a string a mark may belong to the blank, or the slash, before it.
  init?(_ line: some Collection<UInt8>) {
    // ID PARENT DEVICE ROOT PATH OPTIONS [TAGS…] - TYPE SOURCE SUPEROPTIONS
    let fields = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
    guard let dash = fields.dropFirst(6).firstIndex(of: "-"), fields.count > dash + 2,
      let number = Int(fields[0]), let parent = Int(fields[1])
    else { return nil }
    (self.number, self.parent, device) = (number, parent, fields[2])
    folder = Self.unescaped(fields[3])
    (path, type, source) = (Self.unescaped(fields[4]), fields[dash + 1], Self.unescaped(fields[dash + 2]))
    // The first is FUSE's own; what else has such a name is of a text that comes behind it.
    let options = fields.dropFirst(dash + 3).first?.split(separator: ",") ?? []
    isReadOnly = options.contains("ro") || fields[5].split(separator: ",").contains("ro")
    user = options.first { $0.hasPrefix("user_id=") }.flatMap { uid_t($0.dropFirst(8)) }
  }

  /// Blanks and their like are written as three octal digits.
  static func unescaped(_ text: some StringProtocol) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
