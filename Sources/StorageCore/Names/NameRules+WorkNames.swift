/// The names of tools' temporary files, which are no images and no chunks: the one list of them.
extension NameRules {
  /// What tools put behind the name of the file that they are about to write.
  static let workSuffixes = [".partial", ".part", ".filepart", ".tmp", ".crdownload", "_exiftool_tmp", "~"]
  /// Digits of nginx's numbers.
  static let workDigits = 10

  /// Whether a file of a month folder or a session is a tool's temporary one by its name.
  package static func isWorkName(_ name: FileName) -> Bool {
    if name.isHidden { return true }
    if workSuffixes.contains(where: { name.count > $0.utf8.count && name.hasSuffix($0) }) { return true }
    return endsInWorkNumber(name)
  }

  /// `0000000019`, or `NAME.0000000019`.
  ///
  /// Behind a name only a number that begins with a zero is nginx's: no part of a DICOM UID does, and names such as
  /// `MG.1.2.840.113681.2229451284` are images.
  private static func endsInWorkNumber(_ name: FileName) -> Bool {
    guard let last = name.bytes.last, isDigit(last), name.count >= workDigits,
      name.bytes.suffix(workDigits).allSatisfy(isDigit)
    else { return false }
    if name.count == workDigits { return true }
    let front = name.bytes.dropLast(workDigits)
    return front.count > 1 && front.last == UInt8(ascii: ".") && name.bytes[front.endIndex] == UInt8(ascii: "0")
  }

  /// The sentence for whoever wants an image under such a name.
  static func noWorkName(_ name: FileName) -> String {
    "'\(name)' is how tools name their temporary files; an image's name has no dot first, and no such ending"
  }
}
