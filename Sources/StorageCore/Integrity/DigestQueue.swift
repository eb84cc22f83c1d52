internal import Glibc

/// Which files want a digest, and from when on.
struct DigestQueue {
  struct Entry: Equatable {
    let file: FileIdentity
    /// Where it is, from the root on.
    var path: [FileName]
    /// How far it was read, where it is so long that others are to have their turn meanwhile.
    var progress: Progress?

    static func == (a: Entry, b: Entry) -> Bool { a.file == b.file && a.path == b.path }
  }

  /// A digest that is being made, and of what file.
  final class Progress: Sendable {
    let hash: HashProgress
    /// Bytes, and nanoseconds since 1970.
    let size, modified: Int64

    init(_ hash: HashProgress, of stat: stat) {
      self.hash = hash
      size = Int64(stat.st_size)
      modified = Clock.nanoseconds(stat.st_mtim)
    }

    func isOf(_ stat: stat) -> Bool { size == Int64(stat.st_size) && modified == Clock.nanoseconds(stat.st_mtim) }
  }

  /// Nanoseconds from the last change of a file to its digest, so that one that is changed again is read once.
  static let delay: UInt64 = 1_000_000_000
  /// So many files wait. Those beyond get their digest after another survey.
  static let limit = 100_000

  private var paths: [FileIdentity: (path: [FileName], due: UInt64, progress: Progress?)] = [:]
  /// By due time, each file once: of one that is not to be read before a later time, it was moved there meanwhile. What is
  /// here and not in ``paths`` is of the past.
  private var order: [(file: FileIdentity, due: UInt64)] = []
  private var ordered: Set<FileIdentity> = []
  private var first = 0
  /// The file that is being read.
  private var current: Entry?
  /// It has changed meanwhile.
  private var isCurrentStale = false
  var isStopping = false
  /// Files that cannot have a digest, until they change.
  private(set) var unfit: Set<FileIdentity> = []
  /// How many more there are without one than wait or are known for unfit.
  private(set) var beyond = 0
  /// Somebody goes through all files for those without one.
  private(set) var isSurveying = false

  /// How many files wait or are being read.
  var count: Int { paths.count + (current == nil ? 0 : 1) }

  /// How many notes there are, of files that wait and of some that do not any more.
  var noted: Int { order.count - first }

  /// Puts a file at the end; false where there is no room.
  mutating func add(_ entry: Entry, at now: UInt64) -> Bool {
    guard paths.count < Self.limit || paths[entry.file] != nil else { return false }
    unfit.remove(entry.file)
    put(entry, due: now + Self.delay)
    return true
  }

  /// Puts the current file at the end again, to go on with it when the others had their turn, unless it has changed.
  mutating func putBack(_ entry: Entry, at now: UInt64) {
    if isCurrentGood, paths[entry.file] == nil { put(entry, due: now) }
  }

  private mutating func put(_ entry: Entry, due: UInt64) {
    paths[entry.file] = (entry.path, due, entry.progress)
    if ordered.insert(entry.file).inserted { order.append((entry.file, due)) }
    if noted > 2 * Self.limit { forgetPast() }
  }

  private mutating func forgetPast() {
    order = order[first...].filter { paths[$0.file] != nil }
    ordered = Set(order.map(\.file))
    first = 0
  }

  /// Puts a file at the end, unless it waits already: who asks again and again must not put off what is asked for.
  mutating func ask(_ entry: Entry, at now: UInt64) -> Bool { isAwaited(entry.file) || add(entry, at: now) }

  /// Whether a file waits or is being read.
  func isAwaited(_ file: FileIdentity) -> Bool { paths[file] != nil || current?.file == file && !isCurrentStale }

  /// A file is about to be changed: what waits for it, or is being read of it, is worth nothing.
  ///
  /// - Returns: whether it is being read.
  mutating func drop(_ file: FileIdentity) -> Bool {
    unfit.remove(file)
    paths[file] = nil
    guard current?.file == file else { return false }
    isCurrentStale = true
    return true
  }

  /// Folders have other names: what is below them is found there from now on.
  mutating func moved(_ moves: [(from: [FileName], to: [FileName])]) {
    func present(_ path: [FileName]) -> [FileName]? {
      guard let move = moves.first(where: { path.starts(with: $0.from) }) else { return nil }
      return move.to + path.dropFirst(move.from.count)
    }
    for (file, entry) in paths {
      if let path = present(entry.path) { paths[file]?.path = path }
    }
    if let current, let path = present(current.path) { self.current?.path = path }
  }

  /// Where the current file is by now, if a folder above it was renamed since it was taken.
  func presentPath(of entry: Entry) -> [FileName]? {
    guard let current, current.file == entry.file, current.path != entry.path else { return nil }
    return current.path
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
      ordered.remove(file)
      guard let found = paths[file] else { continue }
      guard found.due <= due else {
        ordered.insert(file)
        order.append((file, found.due))
        continue
      }
      paths[file] = nil
      let entry = Entry(file: file, path: found.path, progress: found.progress)
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

  // MARK: Files without a digest

  /// How many files are without one, as far as is known.
  var undigested: Int { count + unfit.count + beyond }

  /// A file that was published has no place here: the next survey finds it.
  mutating func passOver() { beyond += 1 }

  /// A file could not be given one.
  mutating func fail(_ file: FileIdentity) {
    if unfit.count < Self.limit { unfit.insert(file) } else { beyond += 1 }
  }

  /// Whether another survey would find a place here for those that had none. Where too many are unfit, it would have them
  /// read again and again.
  var wantsSurvey: Bool { beyond > 0 && count <= Self.limit / 2 && unfit.count < Self.limit }

  /// A file has lost its last name.
  mutating func forget(_ file: FileIdentity) { unfit.remove(file) }

  mutating func beginSurvey() { isSurveying = true }

  /// - Parameter found: how many had no place here.
  mutating func endSurvey(beyond found: Int) {
    isSurveying = false
    beyond = found
  }

  /// The current file is done with.
  mutating func finish() { current = nil }
}
