import Glibc

/// A month of mammograms goes in with `cp -r`.
struct CopyTree: Benchmark {
  let files: Int
  let material: Material

  var measures: [Measure] {
    [Measure(name: "cp", title: "cp -r of \(files) mammograms", unit: .seconds)]
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    try [Tool.timeOfCopy(["cp", "-r"], "copy", to: target, files, material)]
  }
}

/// The same with `rsync -a`, which writes under a temporary name and renames.
struct RsyncTree: Benchmark {
  let files: Int
  let material: Material

  var measures: [Measure] {
    [Measure(name: "rsync", title: "rsync -a of \(files) mammograms", unit: .seconds)]
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    try [Tool.timeOfCopy(["rsync", "-a"], "rsync", to: target, files, material)]
  }
}

/// All of them are read by `sha256sum`.
struct Checksums: Benchmark {
  let files: Int
  let material: Material

  var measures: [Measure] {
    [Measure(name: "sha256sum", title: "sha256sum of \(files) mammograms, cached", unit: .seconds)]
  }

  func prepare(_ target: Target) throws(Failure) {
    _ = try Tool.timeOfCopy(["cp", "-r"], "checksum", to: target, files, material, isKept: true)
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    let folder = "\(target.path)/\(Target.month("checksum"))"
    return try [Tool.time(["sha256sum"] + Paths.names(in: folder).map { "\(folder)/\($0)" }, material)]
  }

  func clean(_ target: Target) throws(Failure) { try Paths.removeTree("\(target.path)/images/user-checksum") }
}

/// Programs that people use, by the clock on the wall.
private enum Tool {
  /// Seconds that the copy of the month to a new user's images takes.
  static func timeOfCopy(
    _ command: [String], _ user: String, to target: Target, _ files: Int, _ material: Material, isKept: Bool = false
  ) throws(Failure) -> Double {
    let source = try material.mammograms(files)
    let folder = "\(target.path)/images/user-\(user)"
    try Paths.makeFolders(folder)
    let seconds = try time(command + [source, folder], material)
    let copied = try Paths.names(in: "\(target.path)/\(Target.month(user))").count
    guard copied == files else { throw Failure("\(command[0]) copied \(copied) of \(files) files") }
    if !isKept { try Paths.removeTree(folder) }
    return seconds
  }

  static func time(_ command: [String], _ material: Material) throws(Failure) -> Double {
    let watch = Stopwatch()
    try Child(command, log: material.log, notedIn: material.pids).wait()
    return watch.seconds
  }
}
