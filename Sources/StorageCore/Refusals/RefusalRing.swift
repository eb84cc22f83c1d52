/// The lines of a ``RefusalLog``, oldest first, with their total length kept beside them.
///
/// What is refused again within a short time is not a line more: its line becomes the last one, with a new time, and says
/// how often that was. So a program that tries without end leaves room for the others.
struct RefusalRing {
  struct Line {
    var text: String
    /// All but the time: what makes two refusals the same. Of a line of an earlier process it is not known.
    var body: String?
    var count = 1
    /// Seconds since 1970.
    var moment: Int64 = 0
    /// The number of the addition that has made it what it is.
    var addition: UInt64 = 0
  }

  /// How far back a refusal is looked for that is the same, in lines and in seconds.
  static let memory = (lines: 16, seconds: Int64(60))

  let limit: Int
  private var lines: [Line] = []
  private var first = 0
  private(set) var bytes = 0
  /// How many lines there have been; the last one has this number.
  private(set) var count: UInt64 = 0
  private(set) var additions: UInt64 = 0

  init(limit: Int) { self.limit = limit }

  /// A line of an earlier process, with its number.
  mutating func inherit(_ text: String, number: UInt64) {
    push(Line(text: text, addition: additions))
    count = number
  }

  /// Adds a refusal.
  ///
  /// - Returns: how many of the last lines have changed.
  @discardableResult
  mutating func add(_ body: String, at moment: Int64, _ time: String) -> Int {
    additions += 1
    var back = 0
    while back < min(Self.memory.lines, lines.count) {
      let old = self[back]
      if old.body == body, moment.subtractingClamped(old.moment) <= Self.memory.seconds { break }
      back += 1
    }
    guard back < min(Self.memory.lines, lines.count) else {
      push(Line(text: "\(time) \(body)\n", body: body, moment: moment, addition: additions))
      count += 1
      return 1
    }
    var line = self[back]
    bytes -= line.text.utf8.count
    line.count += 1
    line.text = "\(time) \(body) (\(line.count) times)\n"
    (line.moment, line.addition) = (moment, additions)
    bytes += line.text.utf8.count
    for place in stride(from: back, to: 0, by: -1) { self[place] = self[place - 1] }
    self[0] = line
    return back + 1
  }

  private mutating func push(_ line: Line) {
    if lines.count < limit {
      lines.append(line)
    } else {
      bytes -= lines[first].text.utf8.count
      lines[first] = line
      first = (first + 1) % limit
    }
    bytes += line.text.utf8.count
  }

  /// The line that lies so many before the last one.
  subscript(back: Int) -> Line {
    get { lines[index(back)] }
    set { lines[index(back)] = newValue }
  }

  private func index(_ back: Int) -> Int { (first + lines.count - 1 - back) % lines.count }

  /// The text of the lines that an addition has made after the one with the number `addition`.
  func text(after addition: UInt64? = nil) -> [UInt8] {
    var back = lines.count
    if let addition {
      back = 0
      while back < lines.count, self[back].addition > addition { back += 1 }
    }
    var text: [UInt8] = []
    while back > 0 {
      back -= 1
      text.append(contentsOf: self[back].text.utf8)
    }
    return text
  }
}
