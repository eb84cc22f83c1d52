/// The name of a staged file: a number that no other has and, where there is room for it, the inode of the folder and the
/// path that the file is meant for, as in `41@18503:images%2Fuser-7%2F2026%2F11%2Fa.dcm`.
///
/// So a new file says where it is going from the moment it exists, at the cost of nothing but its name. A path
/// that is too long for that, or another than at first, is in an attribute, see ``Origin``.
struct StagedName: Equatable {
  let number: UInt64
  /// `nil` where the name does not tell.
  private(set) var origin: String?
  /// The number of the folder's inode, where there is an origin.
  private(set) var folder: UInt64?

  static let folderSign: Character = "@"

  private static let separator = UInt8(ascii: ":")
  private static let escape = UInt8(ascii: "%")
  private static let slash = UInt8(ascii: "/")

  /// Leaves the origin out where the name has no room for it.
  init(number: UInt64, origin: String? = nil, folder: UInt64? = nil) {
    self.number = number
    self.origin = origin
    self.folder = folder
    if origin == nil || fileName.count > NameRules.longest { (self.origin, self.folder) = (nil, nil) }
  }

  /// `nil` where no staged file was ever named so.
  init?(parsing name: FileName) {
    let parts = name.bytes.split(separator: Self.separator, maxSplits: 1)
    guard let first = parts.first else { return nil }
    let numbers = String(decoding: first, as: UTF8.self).split(
      separator: Self.folderSign, maxSplits: 1, omittingEmptySubsequences: false)
    guard let number = UInt64(numbers[0]) else { return nil }
    let folder = numbers.count > 1 ? UInt64(numbers[1]) : nil
    guard numbers.count == 1 || folder != nil else { return nil }
    self.init(number: number, origin: parts.count > 1 ? Self.unescaped(parts[1]) : nil, folder: folder)
  }

  var fileName: FileName {
    var bytes = Array(String(number).utf8)
    if let folder { bytes += "\(Self.folderSign)\(folder)".utf8 }
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
