import Glibc

/// A new image is written from open to close, in blocks of one size.
struct SequentialWrite: Benchmark {
  let fileBytes: Int
  let blockBytes: Int

  var measures: [Measure] {
    let block = Figure.bytes(blockBytes)
    return [
      Measure(
        name: "write-\(blockBytes >> 10)k", title: "sequential write, \(block) blocks, \(Figure.bytes(fileBytes))",
        unit: .bytesPerSecond, goals: [.speedOfBare(0.90)])
    ]
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    let path = try target.month("writer") + "/large.dcm"
    let buffer = Buffer(count: blockBytes)
    let watch = Stopwatch()
    try Material.write(path, bytes: fileBytes, buffer)
    let seconds = watch.seconds
    try Paths.unlink(path)
    return [Double(fileBytes) / seconds]
  }
}

/// An image is read from open to close, from the page cache and with none.
struct SequentialRead: Benchmark {
  let fileBytes: Int

  var measures: [Measure] {
    let size = Figure.bytes(fileBytes)
    return [
      Measure(
        name: "read-warm", title: "sequential read, cached, \(size)", unit: .bytesPerSecond,
        goals: [.speedOfBare(0.95)]),
      Measure(
        name: "read-cold", title: "sequential read, caches dropped, \(size)", unit: .bytesPerSecond,
        goals: [.speedOfBare(0.95)]),
    ]
  }

  func prepare(_ target: Target) throws(Failure) {
    try Material.write(path(target), bytes: fileBytes, Buffer(count: 1 << 20))
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    let path = try path(target)
    let buffer = Buffer(count: 1 << 20)
    _ = try rate(path, buffer)
    let warm = try rate(path, buffer)
    try File(path).dropCached()
    try Kernel.drop(.all)
    return [warm, try rate(path, buffer)]
  }

  func clean(_ target: Target) throws(Failure) { try Paths.unlink(path(target)) }

  private func path(_ target: Target) throws(Failure) -> String { try target.month("reader") + "/large.dcm" }

  private func rate(_ path: String, _ buffer: Buffer) throws(Failure) -> Double {
    let watch = Stopwatch()
    let file = try File(path)
    let total = try file.readAll(into: buffer)
    try file.close()
    guard total == fileBytes else { throw Failure("\(path) has \(total) bytes, not \(fileBytes)") }
    return Double(total) / watch.seconds
  }
}
