import Glibc
import Testing

/// Any sequence of calls does what the contract says of each.
///
/// The calls are drawn by chance from a seed, which a failure prints with the calls that led there; `MAMMOFS_SEED` runs
/// one again.
@Suite("Random calls against a model of the contract", .mounting, .timeLimit(.minutes(30)))
struct ModelTests {
  @Test("images, thumbnails and uploads, seed by seed", arguments: ParityTests.seeds)
  func anything(seed: UInt64) throws { try run(seed: seed, calls: 3000) }

  @Test("for long", .long)
  func anythingForLong() throws { try run(seed: UInt64.random(in: 0..<1 << 32), calls: 150_000) }

  private func run(seed: UInt64, calls: Int) throws {
    try withMount { m in
      var play = ModelPlay(m, seed: seed)
      for number in 1...calls {
        try play.step()
        if number % 250 == 0 { try play.compareAll() }
        if number % 1500 == 0 { try m.remount() }
      }
      try play.compareAll()
    }
  }
}

/// One sequence: the mount, the model, and what was done so far.
struct ModelPlay {
  private let mounted: MountedRoot
  private var model = ContractModel()
  private var chance: SeededChance
  private let seed: UInt64
  private var history: [String] = []

  init(_ mounted: MountedRoot, seed: UInt64) {
    self.mounted = mounted
    self.seed = seed
    chance = SeededChance(state: seed)
  }

  private func at(_ path: ContractModel.Path) -> String { mounted[path.joined(separator: "/")] }

  // MARK: Drawing

  private mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: choices.indices, using: &chance)] }

  /// What is there, or mostly good names at few places, so that calls get into each other's way.
  private mutating func path() -> ContractModel.Path {
    let known = model.paths.filter { $0[1] != "processing" }
    if !known.isEmpty, pick([true, false]) { return pick(known) }
    if pick([true, false, false]) {
      let names = [
        "chunk_0", "chunk_1", "chunk_2", "chunk_3", "chunk_01", "chunk_aa", "chunk_ab", "x.txt", ".w", "chunk_",
      ]
      return ["temp", "uploads", pick(["s1", "s2", "s3", "s 4", ".s"])]
        + (pick([true, true, true, false]) ? [pick(names)] : [])
    }
    let area = pick(["images", "images", "thumbnails"])
    let names = ["a.dcm", "b.dcm", "IM1", ".a.tmp", "a_thumb.jpg", "b_thumb.jpg", "é"]
    let whole = [
      area, pick(["user-1", "user-1", "user-2", "user-.", "bob"]), pick(["2025", "2026", "2026", "26"]),
      pick(["11", "11", "12", "13", "1"]), pick(names),
    ]
    return Array(whole.prefix(pick([2, 3, 4, 5, 5, 5, 5, 5])))
  }

  private mutating func content() -> [UInt8] {
    Bytes.pattern(pick([0, 1, 100, 4096, 9000]), seed: Int.random(in: 0...9, using: &chance))
  }

  // MARK: Calling

  mutating func step() throws {
    let path = path()
    let name = path.joined(separator: "/")
    switch Int.random(in: 0..<100, using: &chance) {
    case ..<18: expect("mkdir \(name)", model.mkdir(path), errnoOf { mkdir(at(path), 0o777) })
    case ..<24: expect("rmdir \(name)", model.rmdir(path), errnoOf { rmdir(at(path)) })
    case ..<58:
      let bytes = content()
      expect("put \(name) \(bytes.count)", model.put(path, bytes), ErrnoName(Files.writeAndClose(bytes, to: at(path))))
    case ..<64:
      let size = pick([0, 10, 5000])
      expect("truncate \(name) \(size)", model.truncate(path, size), errnoOf { truncate(at(path), off_t(size)) })
    case ..<70: expect("unlink \(name)", model.unlink(path), errnoOf { unlink(at(path)) })
    case ..<84:
      let other = self.path()
      let call = "rename \(name) \(other.joined(separator: "/"))"
      expect(call, model.rename(path, other), errnoOf { rename(at(path), at(other)) })
    case ..<92: try complete()
    default: try compare(path)
    }
  }

  private mutating func complete() throws {
    let id = pick(["s1", "s2", "s3"])
    // Whether what tools left unfinished keeps a session from ending is not the model's to say.
    guard model.sessions[id].map({ $0.work.isEmpty }) ?? true else { return }
    let target = pick([true, true, false]) ? path() : ["temp", "processing", pick(["p", "q"])]
    let overwrite = pick([true, false])
    let (chunks, size) = (pick([nil, nil, 1, 2]), pick([nil, nil, nil, 9000, 4096]))
    var fields = ["\"path\": \"\(target.joined(separator: "/"))\"", "\"overwrite\": \(overwrite)"]
    if let chunks { fields.append("\"totalChunks\": \(chunks)") }
    if let size { fields.append("\"size\": \(size)") }
    let marker = "{\(fields.joined(separator: ", "))}"
    // Which of these a finished session has is in its result, not in the model.
    guard model.sessions[id]?.result == nil || (chunks == nil && size == nil) else { return }
    let result = ErrnoName(Files.writeAndClose(Array(marker.utf8), to: at(["temp", "uploads", id, ".complete"])))
    let errors = model.complete(id, target, overwrite: overwrite, totalChunks: chunks, size: size)
    expect("marker \(id) \(marker)", errors, result)
  }

  private mutating func expect(_ call: String, _ allowed: [Int32], _ result: ErrnoName) {
    if result.value != ENOENT { history.append("\(call) -> \(result)") }
    let agrees = allowed.isEmpty ? result.value == 0 : allowed.contains(result.value)
    #expect(agrees, "\(call) gave \(result), not \(allowed.map { ErrnoName($0) })\(story)")
  }

  private var story: Comment {
    "\nseed \(seed), after:\n\(history.suffix(90).joined(separator: "\n"))"
  }

  // MARK: Comparing

  private func compare(_ path: ContractModel.Path) throws {
    let found = try? Files.stat(at(path))
    #expect(found.map { $0.st_mode & S_IFMT == S_IFDIR } == (model.exists(path) ? model.isFolder(path) : nil), story)
    guard let content = model.content(path), found != nil else { return }
    let isSame = try Files.read(at(path)) == content && found.map { Int($0.st_size) } == content.count
    #expect(isSame, "\(path.joined(separator: "/")) has other content\(story)")
  }

  /// The whole tree, and the figures.
  mutating func compareAll() throws {
    var left: [ContractModel.Path] = [["images"], ["thumbnails"], ["temp", "uploads"], ["temp", "processing"]]
    while let folder = left.popLast() {
      let names = try Files.names(in: at(folder))
      try #require(Set(names) == Set(model.names(in: folder)), "\(folder.joined(separator: "/"))\(story)")
      for name in names {
        let path = folder + [name]
        try compare(path)
        if model.isFolder(path) { left.append(path) }
      }
    }
    let stats = try mounted.countedStats()
    let figures = model.figures
    #expect(stats.images == figures.images && stats.thumbnails == figures.thumbnails, story)
    #expect(stats.temp == figures.temp, story)
    #expect(stats.sessions.active == figures.active && stats.sessions.completed == figures.completed, story)
    #expect(stats.users == figures.users, story)
  }
}

/// Chance that a seed repeats: SplitMix64.
struct SeededChance: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
