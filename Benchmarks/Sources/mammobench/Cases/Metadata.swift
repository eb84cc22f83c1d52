import Glibc

/// stat(2) of names that the kernel remembers.
struct CachedStatus: Benchmark {
  let names: Int
  let calls: Int

  var measures: [Measure] {
    [Measure(name: "stat", title: "stat of a cached name", unit: .seconds, goals: [.speedOfBare(0.80)])]
  }

  func prepare(_ target: Target) throws(Failure) {
    for path in try paths(target) { try File(path, O_WRONLY | O_CREAT).close() }
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    let paths = try paths(target)
    for path in paths { try Paths.status(path) }
    let watch = Stopwatch()
    for index in 0..<calls { try Paths.status(paths[index % paths.count]) }
    return [watch.seconds / Double(calls)]
  }

  func clean(_ target: Target) throws(Failure) { for path in try paths(target) { try Paths.unlink(path) } }

  private func paths(_ target: Target) throws(Failure) -> [String] {
    let folder = try target.month("status")
    return (0..<names).map { "\(folder)/image-\($0).dcm" }
  }
}

/// A folder that was there before the mount: `entries` empty images of one user and month.
private struct PlantedFolder {
  let user: String
  let entries: Int

  func plant(in root: String) throws(Failure) {
    let folder = "\(root)/\(Target.month(user))"
    try Paths.makeFolders(folder)
    for index in 0..<entries { try File("\(folder)/image-\(index).dcm", O_WRONLY | O_CREAT).close() }
  }

  /// Seconds per entry of a listing that must be complete.
  func time(_ target: Target, _ list: (String) throws(Failure) -> Int) throws(Failure) -> Double {
    let folder = "\(target.path)/\(Target.month(user))"
    let watch = Stopwatch()
    let count = try list(folder)
    let seconds = watch.seconds
    guard count == entries else { throw Failure("\(folder) lists \(count) entries of \(entries)") }
    return seconds / Double(entries)
  }
}

/// The names of a large folder, listed before.
struct NamesOnly: Benchmark {
  let entries: Int
  private var folder: PlantedFolder { PlantedFolder(user: "archive", entries: entries) }

  var measures: [Measure] {
    [
      Measure(
        name: "list", title: "listing \(Figure.grouped(entries)) names, cached, per name", unit: .seconds,
        goals: [.speedOfBare(0.35)])
    ]
  }

  func plant(in root: String) throws(Failure) { try folder.plant(in: root) }

  func round(_ target: Target) throws(Failure) -> [Double] {
    func names(_ path: String) throws(Failure) -> Int { try Paths.list(path) { _ in } }
    _ = try folder.time(target, names)
    return [try folder.time(target, names)]
  }
}

/// A folder listed as `ls -l` does, after the kernel has forgotten names and inodes.
struct NamesWithStatus: Benchmark {
  let entries: Int
  private var folder: PlantedFolder { PlantedFolder(user: "ward", entries: entries) }

  var measures: [Measure] {
    [
      Measure(
        name: "list-status", title: "listing \(Figure.grouped(entries)) entries with status, nodes dropped, per entry",
        unit: .seconds, goals: [.speedOfBestPeer(1.5)])
    ]
  }

  func plant(in root: String) throws(Failure) { try folder.plant(in: root) }

  func round(_ target: Target) throws(Failure) -> [Double] {
    try Kernel.drop(.names)
    return [try folder.time(target, Paths.listWithStatus)]
  }
}
