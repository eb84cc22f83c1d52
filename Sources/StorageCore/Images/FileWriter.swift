internal import Glibc
internal import SystemPackage

/// Takes the bytes of a file that is being saved, piece by piece.
public final class FileWriter {
  let descriptor: SharedDescriptor
  /// Bytes written so far.
  public private(set) var size: Int64 = 0

  init(_ descriptor: SharedDescriptor) { self.descriptor = descriptor }

  /// Appends `bytes`.
  public func write(_ bytes: [UInt8]) throws(StorageError) {
    let offset = size
    try StorageError.wrap("writing") { () throws(Errno) in try Sys.writeAll(descriptor, at: offset, bytes) }
    size += Int64(bytes.count)
  }
}

/// Reads a stored file piece by piece.
public final class FileReader {
  private let descriptor: Descriptor
  private var offset: Int64 = 0
  /// Bytes in the whole file.
  public let size: Int64

  init(_ descriptor: consuming Descriptor, size: Int64) {
    self.descriptor = descriptor
    self.size = size
  }

  /// The next piece, `limit` bytes at most; empty at the end.
  public func read(upTo limit: Int = 1 << 20) throws(StorageError) -> [UInt8] {
    let from = offset
    let piece = try StorageError.wrap("reading") { () throws(Errno) in
      try Sys.readAll(descriptor, from: from, limit: limit)
    }
    offset += Int64(piece.count)
    return piece
  }
}
