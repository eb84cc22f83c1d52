import Glibc

/// The marker alone, with all chunks on disk already: what the one call takes that makes an image of them. Two sizes,
/// because it should not depend on the size.
struct Completion: Benchmark {
  let largeBytes: Int
  let chunkBytes: Int
  let material: Material

  private var large: Chunks { Chunks(bytes: largeBytes, chunkBytes: chunkBytes, session: "large") }
  private var small: Chunks { Chunks(bytes: 2 * chunkBytes, chunkBytes: chunkBytes, session: "small") }

  var measures: [Measure] {
    [
      Measure(
        name: "complete-small", title: "completing \(Figure.bytes(small.bytes)) of chunks on disk", unit: .seconds),
      Measure(
        name: "complete-large", title: "completing \(Figure.bytes(largeBytes)) of chunks on disk", unit: .seconds,
        goals: [.atMost(0.020), .timesOther(2, measure: "complete-small")]),
    ]
  }

  func runs(on target: Target) -> Bool { target.kind == .mammofs }

  func round(_ target: Target) throws(Failure) -> [Double] { [try time(small, target), try time(large, target)] }

  private func time(_ chunks: Chunks, _ target: Target) throws(Failure) -> Double {
    try Paths.makeFolders(chunks.folder(target))
    try Paths.makeFolders("\(target.path)/\(Target.month("upload"))")
    try chunks.write(to: target, from: material.file(bytes: largeBytes))
    try material.disk.sync()
    let watch = Stopwatch()
    try chunks.complete(target)
    let seconds = watch.seconds
    try chunks.remove(target)
    return seconds
  }
}
