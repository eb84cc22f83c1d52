extension String {
  /// At most so many bytes: the middle is left out where there are more, and both ends tell what it was.
  func clipped(to limit: Int) -> String {
    let bytes = utf8
    guard bytes.count > limit else { return self }
    let mark = "…"
    let half = (limit - mark.utf8.count) / 2
    var head = bytes.index(bytes.startIndex, offsetBy: half)
    while Self.isWithinCharacter(bytes[head]) { head = bytes.index(before: head) }
    var tail = bytes.index(bytes.endIndex, offsetBy: -half)
    while tail < bytes.endIndex, Self.isWithinCharacter(bytes[tail]) { tail = bytes.index(after: tail) }
    return "\(self[..<head])\(mark)\(self[tail...])"
  }

  private static func isWithinCharacter(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}
