import Glibc

/// Files of 64 KiB, as thumbnails are: made, read while they are cached, and removed. Each round is all three.
struct SmallFiles: Benchmark {
  let count: Int
  let disk: Disk
  private static let bytes = 64 << 10

  var measures: [Measure] {
    [
      Measure(
        name: "create", title: "create, write 64 KiB, close", unit: .seconds, goals: [.speedOfBestPeer(2.5)]),
      Measure(
        name: "open", title: "open, read 64 KiB, close, cached", unit: .seconds, goals: [.speedOfBestPeer(4)]),
      Measure(name: "unlink", title: "unlink", unit: .seconds, goals: [.speedOfBestPeer(3)]),
    ]
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    let folder = try target.month("small")
    let paths = (0..<count).map { "\(folder)/image-\($0).dcm" }
    let buffer = Buffer(count: Self.bytes)

    let created = Stopwatch()
    for path in paths {
      let file = try File(path, O_WRONLY | O_CREAT | O_EXCL)
      try file.write(buffer, count: Self.bytes)
      try file.close()
    }
    let create = created.seconds

    try disk.sync()
    let opened = Stopwatch()
    for path in paths {
      let file = try File(path)
      guard try file.read(into: buffer, count: Self.bytes) == Self.bytes else { throw Failure("\(path) is short") }
      try file.close()
    }
    let open = opened.seconds

    let removed = Stopwatch()
    for path in paths { try Paths.unlink(path) }
    return [create, open, removed.seconds].map { $0 / Double(count) }
  }
}
