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
  let path: String
  let type: String
  let source: String
  /// Who mounted it, where it is a FUSE: that the kernel says, all else whoever mounts.
  let user: uid_t?

  /// The latest last.
  static func all() -> [MountLine] {
    guard let file = try? Sys.openFile("/proc/self/mountinfo"), let bytes = try? Sys.readUnsized(file) else {
      return []
    }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap(MountLine.init)
  }

  init?(_ line: Substring) {
    // ID PARENT DEVICE ROOT PATH OPTIONS [TAGS…] - TYPE SOURCE SUPEROPTIONS
    let halves = line.split(separator: " - ", maxSplits: 1)
    guard halves.count == 2 else { return nil }
    let left = halves[0].split(separator: " ")
    let right = halves[1].split(separator: " ")
    guard left.count > 4, right.count > 1, let number = Int(left[0]), let parent = Int(left[1]) else { return nil }
    (self.number, self.parent, device) = (number, parent, String(left[2]))
    (path, type, source) = (Self.unescaped(left[4]), String(right[0]), Self.unescaped(right[1]))
    // The first is FUSE's own; what else has such a name is of a text that comes behind it.
    let options = right.count > 2 ? right[2].split(separator: ",") : []
    user = options.first { $0.hasPrefix("user_id=") }.flatMap { uid_t($0.dropFirst(8)) }
  }

  /// Blanks and their like are written as three octal digits.
  static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
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
