/// The name of a staged file: a number that no other has and, where there is room for it, the path that the file is
/// meant for, as in `41:images%2Fuser-7%2F2026%2F11%2Fa.dcm`.
///
/// So a new file says where it is going from the moment it exists, at the cost of nothing but its name. A path
/// that is too long for that, or another than at first, is in an attribute, see ``Origin``.
struct StagedName: Equatable {
  let number: UInt64
  /// `nil` where the name does not tell.
  private(set) var origin: String?

  private static let separator = UInt8(ascii: ":")
  private static let escape = UInt8(ascii: "%")
  private static let slash = UInt8(ascii: "/")

  /// Leaves the origin out where the name has no room for it.
  init(number: UInt64, origin: String? = nil) {
    self.number = number
    self.origin = origin
    if fileName.count > NameRules.longest { self.origin = nil }
  }

  /// `nil` where no staged file was ever named so.
  init?(parsing name: FileName) {
    let parts = name.bytes.split(separator: Self.separator, maxSplits: 1)
    guard let first = parts.first, let number = UInt64(String(decoding: first, as: UTF8.self)) else { return nil }
    self.init(number: number, origin: parts.count > 1 ? Self.unescaped(parts[1]) : nil)
  }

  var fileName: FileName {
    var bytes = Array(String(number).utf8)
    guard let origin else { return FileName(bytes: bytes) }
    bytes.append(Self.separator)
    for byte in origin.utf8 {
      switch byte {
      case Self.slash: bytes += "%2F".utf8
      case Self.escape: bytes += "%25".utf8
      default: bytes.append(byte)
      }
    }
    return FileName(bytes: bytes)
  }

  /// `nil` where it is no path that ``fileName`` has written.
  private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String? {
    var path: [UInt8] = []
    path.reserveCapacity(bytes.count)
    var rest = bytes
    while let byte = rest.popFirst() {
      guard byte == escape else {
        path.append(byte)
        continue
      }
      switch String(decoding: rest.prefix(2), as: UTF8.self) {
      case "2F": path.append(slash)
      case "25": path.append(escape)
      default: return nil
      }
      rest = rest.dropFirst(2)
    }
    return String(validating: path, as: UTF8.self)
  }
}
