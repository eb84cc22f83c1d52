import Glibc

/// Reads of 4 KiB all over an open image that is in the page cache.
struct RandomRead: Benchmark {
  let fileBytes: Int
  let reads: Int

  var measures: [Measure] {
    [
      Measure(
        name: "read-random", title: "random read of 4 KiB, cached, \(Figure.bytes(fileBytes))", unit: .seconds,
        goals: [.speedOfBare(0.90)])
    ]
  }

  func prepare(_ target: Target) throws(Failure) {
    try Material.write(path(target), bytes: fileBytes, Buffer(count: 1 << 20))
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    let file = try File(path(target))
    _ = try file.readAll(into: Buffer(count: 1 << 20))
    let buffer = Buffer(count: 4096)
    var random = Xorshift(seed: 4096)
    let offsets = (0..<reads).map { _ in Int(random.next() % UInt64(fileBytes / 4096)) * 4096 }
    let watch = Stopwatch()
    for offset in offsets { try file.read(into: buffer, count: 4096, at: offset) }
    return [watch.seconds / Double(reads)]
  }

  func clean(_ target: Target) throws(Failure) { try Paths.unlink(path(target)) }

  private func path(_ target: Target) throws(Failure) -> String { try target.month("random") + "/large.dcm" }
}
