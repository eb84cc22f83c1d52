/// The kernel's INIT request: what it offers.
///
/// `struct fuse_init_in { u32 major, minor, max_readahead, flags, flags2, … }` behind the header; kernels
/// before 5.17 end it after `flags`.
struct InitRequest {
  let offered: InitFlags

  init?(_ request: UnsafeRawBufferPointer) {
    guard let header = RequestHeader(request), header.opcode == .initialise else { return nil }
    let flags = RequestHeader.size + 12
    guard request.count >= flags + 4 else { return nil }
    let low = request.loadUnaligned(fromByteOffset: flags, as: UInt32.self)
    guard low & UInt32(truncatingIfNeeded: InitFlags.extended.rawValue) != 0, request.count >= flags + 8 else {
      offered = InitFlags(rawValue: UInt64(low))
      return
    }
    let high = request.loadUnaligned(fromByteOffset: flags + 4, as: UInt32.self)
    offered = InitFlags(rawValue: UInt64(low) | UInt64(high) << 32)
  }
}

/// libfuse's reply to INIT, without the header: what is agreed.
///
/// `struct fuse_init_out { u32 major, minor, max_readahead, flags; u16 max_background, congestion_threshold;
/// u32 max_write, time_gran; u16 max_pages, map_alignment; u32 flags2, max_stack_depth; … }`, 64 bytes.
enum InitReply {
  static let size = 64
  private static let flags = 12
  private static let flags2 = 32
  private static let maxStackDepth = 36

  /// Sets what is `wanted` and was `offered` in `reply`, and returns what is agreed.
  ///
  /// A shorter reply is one of an older protocol or a refusal, and stays as it is.
  static func grant(
    _ wanted: InitFlags, offered: InitFlags, in reply: UnsafeMutableRawBufferPointer
  ) -> InitFlags {
    guard reply.count >= size else { return [] }
    let low = reply.loadUnaligned(fromByteOffset: flags, as: UInt32.self)
    let high = reply.loadUnaligned(fromByteOffset: flags2, as: UInt32.self)
    var agreed = InitFlags(rawValue: UInt64(low) | UInt64(high) << 32)
    agreed.formUnion(wanted.intersection(offered))
    if agreed.contains(.passthrough) { agreed.remove(.writebackCache) }
    if agreed.rawValue >> 32 != 0 { agreed.insert(.extended) }

    reply.storeBytes(of: UInt32(truncatingIfNeeded: agreed.rawValue), toByteOffset: flags, as: UInt32.self)
    reply.storeBytes(of: UInt32(truncatingIfNeeded: agreed.rawValue >> 32), toByteOffset: flags2, as: UInt32.self)
    if agreed.contains(.passthrough) {
      // One layer may lie below: the backing file's file system, which then may not be stacked itself.
      reply.storeBytes(of: 1, toByteOffset: maxStackDepth, as: UInt32.self)
    }
    return agreed
  }
}

/// The end of the replies to OPEN and CREATE: `struct fuse_open_out { u64 fh; u32 open_flags; i32 backing_id }`.
enum OpenReply {
  static let size = 16
  private static let openFlags = 8
  private static let backingID = 12
  private static let passthrough: UInt32 = 1 << 7

  /// Tells the kernel to serve the file from the backing file `id`.
  static func pass(to id: Int32, in reply: UnsafeMutableRawBufferPointer) {
    let start = reply.count - size
    guard start >= 0 else { return }
    let flags = reply.loadUnaligned(fromByteOffset: start + openFlags, as: UInt32.self)
    reply.storeBytes(of: flags | passthrough, toByteOffset: start + openFlags, as: UInt32.self)
    reply.storeBytes(of: id, toByteOffset: start + backingID, as: Int32.self)
  }
}
