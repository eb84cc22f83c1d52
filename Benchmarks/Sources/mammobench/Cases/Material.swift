import Glibc

/// What clients copy from: made beside the targets, on the same file system, and in the page cache when it is used.
struct Material: Sendable {
  let disk: Disk
  /// Files to copy from in turn (`--samples`); none means generated ones.
  let samples: [String]
  /// Where programs that are started are noted.
  let pids: String

  /// Where those complain.
  var log: String { "\(disk.path)/tools.log" }
  private var path: String { "\(disk.path)/material" }

  static let block = 128 << 10

  /// A file of so many bytes, as the source of an upload.
  func file(bytes: Int) throws(Failure) -> String {
    let file = "\(path)/source-\(bytes)"
    guard !Paths.exists(file) else { return file }
    try Paths.makeFolders(path)
    try Self.write(file, bytes: bytes, Buffer(count: 1 << 20))
    return file
  }

  /// A folder `2026` with a month of mammograms in it: 1 to 3 MB each, or the samples in turn.
  func mammograms(_ count: Int) throws(Failure) -> String {
    let year = "\(path)/2026"
    guard !Paths.exists(year) else { return year }
    try Paths.makeFolders("\(year)/11")
    let buffer = Buffer(count: 1 << 20)
    var random = Xorshift(seed: 7)
    for index in 0..<count {
      let file = "\(year)/11/image-\(index).dcm"
      if samples.isEmpty {
        try Self.write(file, bytes: Int.random(in: 1_000_000...3_000_000, using: &random), buffer)
      } else {
        try Self.copy(samples[index % samples.count], to: file, buffer)
      }
    }
    return year
  }

  /// `bytes` bytes in blocks of the buffer's size; `flags` as those of open(2).
  static func write(_ path: String, bytes: Int, _ buffer: Buffer, flags: Int32 = O_CREAT | O_TRUNC) throws(Failure) {
    let file = try File(path, O_WRONLY | flags)
    var left = bytes
    while left > 0 {
      try file.write(buffer, count: min(left, buffer.count))
      left -= buffer.count
    }
    try file.close()
  }

  static func copy(_ source: String, to path: String, _ buffer: Buffer) throws(Failure) {
    let file = try File(path, O_WRONLY | O_CREAT | O_TRUNC)
    try append(source, to: file, buffer)
    try file.close()
  }

  static func append(_ source: String, to file: borrowing File, _ buffer: Buffer) throws(Failure) {
    let from = try File(source)
    while true {
      let got = try from.read(into: buffer, count: buffer.count)
      guard got > 0 else { return }
      try file.write(buffer, count: got)
    }
  }
}
