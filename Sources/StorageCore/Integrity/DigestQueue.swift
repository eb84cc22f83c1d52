/// Which files want a digest, and from when on.
struct DigestQueue {
  struct Entry: Equatable {
    let file: FileIdentity
    /// Where it was when it was put here, from the root on.
    let path: [FileName]
  }

  /// Nanoseconds from the last change of a file to its digest, so that one that is changed again is read once.
  static let delay: UInt64 = 1_000_000_000
  /// So many files wait. Those beyond get their digest from the next scrub.
  static let limit = 100_000

  private var paths: [FileIdentity: (path: [FileName], due: UInt64)] = [:]
  /// By due time. What is here and not in ``paths`` with that time is of the past.
  private var order: [(file: FileIdentity, due: UInt64)] = []
  private var first = 0
  /// The file that is being read.
  private var current: Entry?
  /// It has changed meanwhile.
  private var isCurrentStale = false
  var isStopping = false

  /// How many files wait or are being read.
  var count: Int { paths.count + (current == nil ? 0 : 1) }

  /// Puts a file at the end; false where there is no room.
  mutating func add(_ entry: Entry, at now: UInt64) -> Bool {
    guard paths.count < Self.limit || paths[entry.file] != nil else { return false }
    let due = now + Self.delay
    paths[entry.file] = (entry.path, due)
    order.append((entry.file, due))
    return true
  }

  /// Puts a file at the end, unless it waits already: who asks again and again must not put off what is asked for.
  mutating func ask(_ entry: Entry, at now: UInt64) -> Bool { isAwaited(entry.file) || add(entry, at: now) }

  /// Whether a file waits or is being read.
  func isAwaited(_ file: FileIdentity) -> Bool { paths[file] != nil || current?.file == file && !isCurrentStale }

  /// A file is about to be changed: what waits for it, or is being read of it, is worth nothing.
  ///
  /// - Returns: whether it is being read.
  mutating func drop(_ file: FileIdentity) -> Bool {
    paths[file] = nil
    guard current?.file == file else { return false }
    isCurrentStale = true
    return true
  }

  /// The next file, if its time has come; it is the current one then.
  mutating func take(at now: UInt64) -> Entry? {
    while first < order.count, order[first].due <= now {
      let (file, due) = order[first]
      first += 1
      if first > 1024, first * 2 > order.count {
        order.removeFirst(first)
        first = 0
      }
      guard let found = paths[file], found.due == due else { continue }
      paths[file] = nil
      let entry = Entry(file: file, path: found.path)
      current = entry
      isCurrentStale = false
      return entry
    }
    return nil
  }

  /// Whether what was read of the current file is of the file as it is.
  var isCurrentGood: Bool { !isCurrentStale && !isStopping }

  /// Where the files were that wait, or are being read.
  var waiting: [[FileName]] { paths.values.map(\.path) + (current.map { [$0.path] } ?? []) }

  /// The current file is done with.
  mutating func finish() { current = nil }
}
