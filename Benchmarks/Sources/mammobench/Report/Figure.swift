/// Figures for people: three digits that count, and the unit that fits.
enum Figure {
  static func text(_ value: Double, _ unit: Measure.Unit) -> String {
    switch unit {
    case .seconds: seconds(value)
    case .bytesPerSecond: "\(grouped(Int((value / 1e6).rounded()))) MB/s"
    case .perSecond: "\(grouped(Int(value.rounded()))) /s"
    case .bytes: abs(value) < 4096 ? "\(digits(value)) B" : "\(digits(value / Double(1 << 20))) MiB"
    case .ratio: digits(value)
    }
  }

  static func times(_ value: Double) -> String { "\(digits(value)) ×" }

  private static func seconds(_ value: Double) -> String {
    switch value {
    case 1...: "\(digits(value)) s"
    case 1e-3...: "\(digits(value * 1e3)) ms"
    case 1e-6...: "\(digits(value * 1e6)) µs"
    default: "\(digits(value * 1e9)) ns"
    }
  }

  /// 0.0123, 1.23, 12.3, 123, 1234.
  static func digits(_ value: Double) -> String {
    let places =
      switch abs(value) {
      case 100...: 0
      case 10...: 1
      case 0.1...: 2
      case 0.01...: 3
      case 0: 0
      default: 4
      }
    let scale = (0..<places).reduce(1) { product, _ in product * 10 }
    let scaled = Int((abs(value) * Double(scale)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard places > 0 else { return "\(sign)\(scaled)" }
    let fraction = String(scaled % scale)
    return "\(sign)\(scaled / scale)." + String(repeating: "0", count: places - fraction.count) + fraction
  }

  /// 1,000,000
  static func grouped(_ value: Int) -> String {
    var text = ""
    for (index, digit) in String(value).reversed().enumerated() {
      if index > 0 && index % 3 == 0 && digit != "-" { text.insert(",", at: text.startIndex) }
      text.insert(digit, at: text.startIndex)
    }
    return text
  }

  /// Whole KiB, MiB or GiB, where it is one.
  static func bytes(_ count: Int) -> String {
    switch count {
    case (1 << 30)... where count % (1 << 30) == 0: "\(count >> 30) GiB"
    case (1 << 20)...: "\(count >> 20) MiB"
    default: "\(count >> 10) KiB"
    }
  }
}
