import ArgumentParser

/// An amount of bytes as people write it: `4096`, `100M`, `1.5G`; units are powers of 1024.
struct ByteCount: ExpressibleByArgument, Equatable {
  let bytes: Int64

  init(bytes: Int64) { self.bytes = bytes }

  init?(argument: String) {
    var digits = argument[...]
    if digits.hasSuffix("iB") || digits.hasSuffix("ib") {
      digits = digits.dropLast(2)
    } else if digits.hasSuffix("B") {
      digits = digits.dropLast()
    }
    var factor = 1.0
    if let unit = digits.last, let power = "KMGTP".firstIndex(of: Character(unit.uppercased())) {
      for _ in 0...("KMGTP".distance(from: "KMGTP".startIndex, to: power)) { factor *= 1024 }
      digits = digits.dropLast()
    }
    guard let number = Double(digits), number >= 0, number * factor < 9.2e18 else { return nil }
    bytes = Int64(number * factor)
  }

  /// `8M`, as an option takes it and its help shows it.
  var defaultValueDescription: String {
    var value = bytes
    var unit = 0
    while value > 0, value % 1024 == 0, unit < 5 {
      value /= 1024
      unit += 1
    }
    return "\(value)\(["", "K", "M", "G", "T", "P"][unit])"
  }

  /// `1.4 MiB`
  var text: String {
    guard bytes >= 1024 else { return "\(bytes) B" }
    var value = Double(bytes)
    var unit = 0
    while value >= 1024, unit < 5 {
      value /= 1024
      unit += 1
    }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit])"
  }
}

/// `1 file`, `2 files`
func counted(_ number: Int64, _ thing: String, _ things: String? = nil) -> String {
  "\(number) \(number == 1 ? thing : things ?? thing + "s")"
}
