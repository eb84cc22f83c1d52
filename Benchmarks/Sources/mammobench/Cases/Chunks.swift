import Glibc

/// A chunked upload, as its client sees it.
struct Chunks: Sendable {
  let bytes: Int
  let chunkBytes: Int
  let session: String

  var count: Int { (bytes + chunkBytes - 1) / chunkBytes }

  func folder(_ target: Target) -> String { "\(target.path)/temp/uploads/\(session)" }
  func path(_ index: Int, _ target: Target) -> String { "\(folder(target))/chunk_\(index)" }

  func image(_ target: Target) throws(Failure) -> String { try target.month("upload") + "/\(session).dcm" }

  /// Writes every `step`th chunk from `first` on, as `cp` from the source would.
  func write(to target: Target, from source: String, first: Int = 0, step: Int = 1) throws(Failure) {
    let file = try File(source)
    let buffer = Buffer(count: Material.block)
    for index in stride(from: first, to: count, by: step) {
      let chunk = try File(path(index, target), O_WRONLY | O_CREAT | O_TRUNC)
      let end = min((index + 1) * chunkBytes, bytes)
      for offset in stride(from: index * chunkBytes, to: end, by: buffer.count) {
        let part = min(buffer.count, end - offset)
        try file.read(into: buffer, count: part, at: offset)
        try chunk.write(buffer, count: part)
      }
      try chunk.close()
    }
  }

  /// Writes and closes the marker; returns when the image is durable and in place.
  func complete(_ target: Target) throws(Failure) {
    let marker = try File("\(folder(target))/.complete", O_WRONLY | O_CREAT | O_TRUNC)
    let path = "\(Target.month("upload"))/\(session).dcm\n"
    let written = Glibc.write(marker.raw, path, path.utf8.count)
    guard written == path.utf8.count else { throw .system("write", ".complete") }
    try marker.close()
  }

  /// `cat chunk_* > image && sync`, which is what does it where nothing knows of uploads.
  func concatenate(_ target: Target, _ disk: Disk) throws(Failure) {
    let file = try File(image(target), O_WRONLY | O_CREAT | O_TRUNC)
    let buffer = Buffer(count: Material.block)
    for index in 0..<count { try Material.append(path(index, target), to: file, buffer) }
    try file.close()
    try disk.sync()
  }

  /// The image must be whole; then it and the session go.
  func remove(_ target: Target) throws(Failure) {
    let image = try image(target)
    let size = try Paths.status(image).st_size
    guard size == off_t(bytes) else { throw Failure("\(image) has \(size) bytes, not \(bytes)") }
    try Paths.unlink(image)
    try Paths.removeTree(folder(target))
  }
}
