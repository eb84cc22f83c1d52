/// One name in a folder: bytes, as POSIX has it.
///
/// Not a `String`, because two strings are equal where their letters look the
/// same (NFC and NFD), and two files are not.
public struct FileName: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
  /// The bytes and one zero byte behind them, so that a system call needs no copy.
  public let nulTerminated: [UInt8]

  /// `nulTerminated` ends with its only zero byte.
  public init(nulTerminated: [UInt8]) { self.nulTerminated = nulTerminated }

  public init(bytes: some Collection<UInt8>) {
    var copy: [UInt8] = []
    copy.reserveCapacity(bytes.count + 1)
    copy.append(contentsOf: bytes)
    copy.append(0)
    nulTerminated = copy
  }

  public init(_ string: String) { self.init(bytes: string.utf8) }

  public init(stringLiteral value: String) { self.init(value) }

  public var bytes: ArraySlice<UInt8> { nulTerminated.dropLast() }

  /// How many bytes the name has.
  public var count: Int { nulTerminated.count - 1 }

  /// For people: bytes that are no UTF-8 show as replacement characters.
  public var description: String { String(decoding: bytes, as: UTF8.self) }

  /// Whether it starts with a dot.
  public var isHidden: Bool { nulTerminated.first == UInt8(ascii: ".") }

  /// `.` or `..`.
  package var isDots: Bool { nulTerminated == [46, 0] || nulTerminated == [46, 46, 0] }

  package func hasPrefix(_ prefix: String) -> Bool { bytes.starts(with: prefix.utf8) }

  package func hasSuffix(_ suffix: String) -> Bool {
    bytes.count >= suffix.utf8.count && bytes.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  @inline(__always)
  package func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    nulTerminated.withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { chars in
        // The array holds at least the closing zero, so it has an address.
        body(chars.baseAddress.unsafelyUnwrapped)
      }
    }
  }
}
