import Glibc

/// A whole upload until the image is durable: chunks and marker on this mount, `cp` of the chunks and
/// `cat chunk_* > image && sync` elsewhere. Counts what reached the block device meanwhile, too.
struct Upload: Benchmark {
  let bytes: Int
  let chunkBytes: Int
  let writers: Int
  let material: Material

  var measures: [Measure] {
    let how = writers == 1 ? "" : ", \(writers) writers"
    let name = writers == 1 ? "upload" : "upload-\(writers)"
    return [
      Measure(
        name: name, title: "upload of \(Figure.bytes(bytes)) in \(Figure.bytes(chunkBytes)) chunks\(how)",
        unit: .seconds, goals: [.timeOfBare(0.6)]),
      Measure(
        name: "\(name)-written", title: "written to the device for it\(how), per byte of the image", unit: .ratio,
        goals: [.atMost(1.05)]),
    ]
  }

  func round(_ target: Target) throws(Failure) -> [Double] {
    let chunks = Chunks(bytes: bytes, chunkBytes: chunkBytes, session: "upload-\(writers)")
    let source = try material.file(bytes: bytes)
    _ = try File(source).readAll(into: Buffer(count: 1 << 20))
    try material.disk.sync()
    let before = try material.disk.bytesWritten()
    let watch = Stopwatch()
    try Paths.makeFolders(chunks.folder(target))
    let writers = self.writers
    try Workers.run(writers) { (index) throws(Failure) in
      try chunks.write(to: target, from: source, first: index, step: writers)
    }
    switch target.kind {
    case .mammofs: try chunks.complete(target)
    case .bare, .bindfs, .mergerfs, .gocryptfs: try chunks.concatenate(target, material.disk)
    }
    let seconds = watch.seconds
    // What is left to be written belongs to the upload as well.
    try material.disk.sync()
    let after = try material.disk.bytesWritten()
    try chunks.remove(target)
    guard let before, let after else { return [seconds] }
    return [seconds, Double(after - before) / Double(bytes)]
  }
}
