import ArgumentParser

/// How long, as an option takes it: a number of hours, minutes or seconds, which may be a fraction. 0 is never, unless
/// the option says otherwise.
///
/// Any text is taken at first: what is wrong is said by ``check(_:_:)``, which knows the option's name.
struct Span: ExpressibleByArgument {
  private let text: String
  private let number: Double?

  /// Below it a number of hours is one of seconds, too.
  private static let limit = 1e6

  init(_ number: Double) {
    text = number == number.rounded() ? "\(Int(number))" : "\(number)"
    self.number = number
  }

  init?(argument: String) {
    text = argument
    // Not what else `Double` knows: 0x10, 1e3, inf.
    number =
      argument.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= $0 }
      ? Double(argument) : nil
  }

  var defaultValueDescription: String { text }

  /// As an option takes it.
  var argument: String { text }

  var value: Double { number ?? 0 }

  /// Whole seconds; what is more than nothing is a second at least, since nothing is never.
  func seconds(of unit: Double) -> Int64 { value > 0 ? max(1, Int64(value * unit)) : 0 }

  /// Refuses what is no number, negative, or so large that a slip is more likely.
  func check(_ option: String, _ unit: String, zero: String = "never") throws {
    guard let number, number >= 0, number < Self.limit else {
      throw ValidationError(
        "\(option) is a number of \(unit) from 0 (\(zero)) to \(Int(Self.limit) - 1), not '\(text)'")
    }
  }
}
