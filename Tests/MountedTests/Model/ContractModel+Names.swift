import Glibc

/// The rules of names and levels.
extension ContractModel {
  enum Level { case folder, file, session, entry, none }

  /// What belongs at a path.
  static func level(_ path: Path) -> Level {
    switch path.first {
    case "images", "thumbnails":
      switch path.count {
      case 2...4: return .folder
      case 5: return .file
      default: return .none
      }
    case "temp" where isInUploads(path):
      switch path.count {
      case 3: return .session
      case 4: return .entry
      default: return .none
      }
    default: return .none
    }
  }

  static func isInUploads(_ path: Path) -> Bool { path.count > 2 && path[0] == "temp" && path[1] == "uploads" }

  /// A copying tool's temporary file in a month folder.
  static func isWork(_ path: Path) -> Bool { path.count == 5 && isWorkName(path[4]) }

  private static func isWorkName(_ name: String) -> Bool {
    let endings = [".partial", ".part", ".filepart", ".tmp", ".crdownload", "_exiftool_tmp", "~"]
    return name.hasPrefix(".") || endings.contains { name.hasSuffix($0) && name != $0 }
      || (name.utf8.count == 10 && name.utf8.allSatisfy { (48...57).contains($0) })
  }

  /// Whether the last name is one that its place takes.
  static func isGoodName(_ path: Path) -> Bool {
    guard let name = path.last else { return false }
    let isNumber = name.utf8.allSatisfy { (48...57).contains($0) }
    switch (level(path), path.count) {
    case (.folder, 2): return name.hasPrefix("user-") && name.utf8.count > 5 && !name.hasPrefix("user-.")
    case (.folder, 3): return isNumber && name.utf8.count == 4
    case (.folder, _): return isNumber && name.utf8.count == 2 && (1...12).contains(Int(name) ?? 0)
    case (.file, _):
      return path[0] == "images" || isWork(path) || (name.hasSuffix("_thumb.jpg") && name != "_thumb.jpg")
    case (.session, _):
      return !name.hasPrefix(".")
        && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    case (.entry, _): return isWorkName(name) || index(name) != nil
    case (.none, _): return false
    }
  }

  static func areGoodNames(_ path: Path) -> Bool { (2...path.count).allSatisfy { isGoodName(Array(path[..<$0])) } }

  /// The index of a chunk's name, in numbers or in `split`'s letters of two.
  static func index(_ name: String) -> (value: Int, isNumber: Bool)? {
    guard name.hasPrefix("chunk_") else { return nil }
    let suffix = name.dropFirst(6)
    if let value = Int(suffix), value >= 0, suffix.utf8.allSatisfy({ (48...57).contains($0) }) { return (value, true) }
    let letters = Array(suffix.utf8)
    guard letters.count == 2, letters.allSatisfy({ (97...122).contains($0) }), letters[0] != 122 else { return nil }
    return (Int(letters[0] - 97) * 26 + Int(letters[1] - 97), false)
  }

  /// Why a new file cannot be made at a path whose folder is there.
  func refusesFile(_ path: Path) -> [Int32] {
    switch (Self.level(path), Self.isGoodName(path)) {
    case (.file, true): return []
    case (.file, false): return [EINVAL]
    case (.folder, let isGood), (.session, let isGood): return isGood ? [EPERM] : [EPERM, EINVAL]
    case (.none, _): return [EPERM]
    case (.entry, false): return [EINVAL]
    case (.entry, true):
      guard let session = sessions[path[2]], let index = Self.index(path[3]) else { return [] }
      if session.result != nil { return [EPERM] }
      let others = session.chunks.keys.compactMap { Self.index($0) }
      var errors: [Int32] = []
      if others.contains(where: { $0.isNumber != index.isNumber }) { errors.append(EINVAL) }
      if others.contains(where: { $0.value == index.value }) { errors.append(EEXIST) }
      return errors
    }
  }
}
