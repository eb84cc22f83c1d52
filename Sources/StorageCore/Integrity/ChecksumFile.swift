/// The format of `sha256sum`: a line for each file, of 64 hexadecimal digits, two characters and the path.
///
/// Where the path has a backslash, newline or carriage return in it, those are escaped, and the line begins with a backslash.
package enum ChecksumFile {
  /// The line of a file, with its newline.
  package static func line(_ sha256: [UInt8], _ path: [UInt8]) -> [UInt8] {
    var escaped: [UInt8] = []
    escaped.reserveCapacity(path.count)
    for byte in path {
      switch byte {
      case UInt8(ascii: "\\"): escaped += Array(#"\\"#.utf8)
      case UInt8(ascii: "\n"): escaped += Array(#"\n"#.utf8)
      case UInt8(ascii: "\r"): escaped += Array(#"\r"#.utf8)
      default: escaped.append(byte)
      }
    }
    let mark = escaped.count == path.count ? "" : #"\"#
    return Array("\(mark)\(Digest.text(sha256))  ".utf8) + escaped + [UInt8(ascii: "\n")]
  }

  /// What a line says, without its newline; `nil` where it is no line of this format.
  static func parse(_ line: ArraySlice<UInt8>) -> (sha256: [UInt8], path: [UInt8])? {
    var line = line
    // As a list has it that was made elsewhere.
    if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
    let isEscaped = line.first == UInt8(ascii: "\\")
    if isEscaped { line = line.dropFirst() }
    guard line.count > 66, let sha256 = bytes(ofHex: line.prefix(64)) else { return nil }
    let between = line.dropFirst(64).prefix(2)
    guard between.first == UInt8(ascii: " "), between.last == UInt8(ascii: " ") || between.last == UInt8(ascii: "*")
    else { return nil }
    let text = line.dropFirst(66)
    guard let path = isEscaped ? unescaped(text) : Array(text) else { return nil }
    return (sha256, path)
  }

  private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "\\"): result.append(UInt8(ascii: "\\"))
      case UInt8(ascii: "n"): result.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "r"): result.append(UInt8(ascii: "\r"))
      default: return nil
      }
    }
    return result
  }

  private static func bytes(ofHex digits: ArraySlice<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = digits
    while let high = rest.popFirst().flatMap(value(ofDigit:)), let low = rest.popFirst().flatMap(value(ofDigit:)) {
      bytes.append(high << 4 | low)
    }
    return bytes.count * 2 == digits.count ? bytes : nil
  }

  private static func value(ofDigit digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

/// A list of checksums, in the order in which ``ImageWalk`` comes by, so that both are gone through at once.
package struct ChecksumList {
  package struct Entry: Equatable, Sendable {
    package let path: [UInt8]
    package let sha256: [UInt8]
  }

  /// What of it are images and thumbnails.
  package private(set) var entries: [Entry] = []
  /// Lines that name something else.
  package private(set) var others = 0

  /// A line that cannot be understood, or a path that is there twice.
  package struct Fault: Error, Equatable {
    /// From 1.
    package let line: Int
    package let reason: String
  }

  /// - Parameters:
  ///   - text: the whole list.
  ///   - folder: what of the store is looked at, from the root on; entries elsewhere are left out.
  package init(_ text: [UInt8], below folder: [FileName]) throws(Fault) {
    let prefix = folder.map { Array($0.bytes) }
    for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      guard let first = line.first, first != UInt8(ascii: "#"), line != [UInt8(ascii: "\r")] else { continue }
      guard let (sha256, path) = ChecksumFile.parse(line) else {
        throw Fault(line: index + 1, reason: "is none of sha256sum's: 64 hexadecimal digits, two spaces, and a path")
      }
      let names = path.split(separator: UInt8(ascii: "/")).drop { $0 == [UInt8(ascii: ".")] }
      guard path.first != UInt8(ascii: "/"), Self.isImage(names) else {
        others += 1
        continue
      }
      guard names.count >= prefix.count, zip(names, prefix).allSatisfy({ $0.elementsEqual($1) }) else { continue }
      entries.append(Entry(path: Array(names.joined(separator: [UInt8(ascii: "/")])), sha256: sha256))
    }
    entries.sort { Self.precedes($0.path, $1.path) }
    for (one, next) in zip(entries, entries.dropFirst()) where one.path == next.path && one.sha256 != next.sha256 {
      throw Fault(line: 0, reason: "two digests are given for \(String(decoding: one.path, as: UTF8.self))")
    }
  }

  private static func isImage(_ names: ArraySlice<ArraySlice<UInt8>>) -> Bool {
    guard let path = try? StoragePath(names: names.map { FileName(bytes: $0) }), case .image = path.place else {
      return false
    }
    return true
  }

  /// Folder by folder, the names of each in the order of their bytes: a slash comes before all else.
  package static func precedes(_ path: [UInt8], _ other: [UInt8]) -> Bool {
    path.lexicographicallyPrecedes(other) { rank($0) < rank($1) }
  }

  private static func rank(_ byte: UInt8) -> UInt8 { byte == UInt8(ascii: "/") ? 0 : byte }
}
