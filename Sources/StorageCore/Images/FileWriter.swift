internal import Glibc
internal import SystemPackage

/// Takes the bytes of a file that is being saved, piece by piece.
public final class FileWriter {
  private enum Target {
    case file(SharedDescriptor)
    case chunk(ChunkFile, ChunkIndex)
  }

  private let target: Target
  /// Bytes written so far.
  public private(set) var size: Int64 = 0

  init(_ descriptor: SharedDescriptor) { target = .file(descriptor) }

  init(_ chunk: ChunkFile, _ index: ChunkIndex) { target = .chunk(chunk, index) }

  /// Appends `bytes`.
  public func write(_ bytes: [UInt8]) throws(StorageError) {
    let offset = size
    try StorageError.wrap("writing") { () throws(Errno) in
      switch target {
      case .file(let descriptor): try Sys.writeAll(descriptor, at: offset, bytes)
      case .chunk(let chunk, let index): try chunk.write(bytes, at: offset, index: index)
      }
    }
    size += Int64(bytes.count)
  }
}

/// Reads a stored file piece by piece.
public final class FileReader {
  private let source: (UnsafeMutableRawBufferPointer, Int64) throws(Errno) -> Int
  private var offset: Int64 = 0
  /// Bytes in the whole file.
  public let size: Int64

  /// - Parameter source: fills the buffer from an offset and returns how many bytes there were.
  init(size: Int64, _ source: @escaping (UnsafeMutableRawBufferPointer, Int64) throws(Errno) -> Int) {
    self.size = size
    self.source = source
  }

  /// The next piece, `limit` bytes at most; empty at the end.
  public func read(upTo limit: Int = 1 << 20) throws(StorageError) -> [UInt8] {
    let room = Int(clamping: min(Int64(limit), size - offset))
    guard room > 0 else { return [] }
    var piece = [UInt8](repeating: 0, count: room)
    var filled = 0
    while filled < room {
      let from = offset + Int64(filled)
      let count = try StorageError.wrap("reading") { () throws(Errno) in
        var failure: Errno?
        let count = piece.withUnsafeMutableBytes { bytes in
          do throws(Errno) {
            return try source(UnsafeMutableRawBufferPointer(rebasing: bytes[filled...]), from)
          } catch {
            failure = error
            return 0
          }
        }
        if let failure { throw failure }
        return count
      }
      if count == 0 { break }
      filled += count
    }
    offset += Int64(filled)
    piece.removeLast(room - filled)
    return piece
  }
}
