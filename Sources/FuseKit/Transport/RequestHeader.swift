/// The start of a request as the kernel writes it: `struct fuse_in_header`, 40 bytes.
struct RequestHeader {
  static let size = 40

  let opcode: Opcode
  let number: RequestNumber
  /// For READ and WRITE, how many bytes are to be moved.
  let bytes: Int

  /// `request` is what one `read` returned; `nil` where it is no request.
  init?(_ request: UnsafeRawBufferPointer) {
    guard request.count >= RequestHeader.size else { return nil }
    opcode = Opcode(rawValue: request.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    number = RequestNumber(rawValue: request.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    switch opcode {
    case .write: bytes = request.count - RequestHeader.size
    case .read where request.count >= RequestHeader.size + 20:
      // struct fuse_read_in { u64 fh; u64 offset; u32 size; … }
      bytes = Int(request.loadUnaligned(fromByteOffset: RequestHeader.size + 16, as: UInt32.self))
    default: bytes = 0
    }
  }
}
