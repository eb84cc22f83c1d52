import Glibc

/// An image that is there is written anew from open to close, in blocks of one size. Not a new one: it would be put in
/// pages that nobody has touched for a while, and on a virtual machine that takes longer than the writing, by chance.
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

  func prepare(_ target: Target) throws(Failure) {
    try Material.write(path(target), bytes: fileBytes, Buffer(count: blockBytes))
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    let path = try path(target)
    let buffer = Buffer(count: blockBytes)
    let watch = Stopwatch()
    try Material.write(path, bytes: fileBytes, buffer, flags: 0)
    return [Double(fileBytes) / watch.seconds]
  }

  func clean(_ target: Target) throws(Failure) { try Paths.unlink(path(target)) }

  private func path(_ target: Target) throws(Failure) -> String { try target.month("writer") + "/large.dcm" }
}

/// An image is read from open to close, from the page cache and with none.
struct SequentialRead: Benchmark {
  let fileBytes: Int
  private static let coldReads = 3

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
    var cold = 0.0
    // The best of some: which pages the kernel finds to read into is chance, see above.
    for _ in 0..<Self.coldReads {
      try File(path).dropCached()
      try Kernel.drop(.all)
      cold = try max(cold, rate(path, buffer))
    }
    return [warm, cold]
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
