/// What every name must keep to, wherever it is.
public enum NameRules {
  /// Bytes in one path component.
  public static let longest = 255

  /// Refuses what no place takes: too long, not UTF-8, a control character.
  public static func check(_ name: FileName) throws(StorageError) {
    guard name.count <= longest else { throw .nameTooLong(length: name.count) }
    guard name.count > 0 else { throw .badName("an empty name", rule: "a name has 1 to 255 bytes") }
    if name.bytes.allSatisfy({ $0 > 0x2F && $0 < 0x7F }) { return }
    // From a marker or saved state; the kernel hands none over.
    guard name.count > 2 || !name.isDots, !name.bytes.contains(UInt8(ascii: "/")) else {
      throw .badName(name.description, rule: "a name is neither '.' nor '..' and has no slash")
    }
    if name.bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return }
    guard let text = String(validating: name.bytes, as: UTF8.self) else { throw .notUTF8(name.description) }
    for scalar in text.unicodeScalars where scalar.properties.generalCategory == .control {
      throw .badName(name.description, rule: "a name has no control characters")
    }
  }

  /// A user folder: `user-` and at least one more byte that is no dot.
  static func isUserFolder(_ name: FileName) -> Bool {
    name.hasPrefix("user-") && name.count > 5 && name.nulTerminated[5] != UInt8(ascii: ".")
  }

  static func isYear(_ name: FileName) -> Bool {
    name.count == 4 && name.bytes.allSatisfy(isDigit)
  }

  static func isMonth(_ name: FileName) -> Bool {
    guard name.count == 2, name.bytes.allSatisfy(isDigit) else { return false }
    let value = Int(name.nulTerminated[0] - 48) * 10 + Int(name.nulTerminated[1] - 48)
    return (1...12).contains(value)
  }

  static func isThumbnail(_ name: FileName) -> Bool {
    name.hasSuffix("_thumb.jpg") && name.count > 10
  }

  static func isSession(_ name: FileName) -> Bool {
    (1...128).contains(name.count) && !name.isHidden
      && name.bytes.allSatisfy { byte in
        isDigit(byte) || (65...90).contains(byte) || (97...122).contains(byte)
          || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
      }
  }

  static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
}
