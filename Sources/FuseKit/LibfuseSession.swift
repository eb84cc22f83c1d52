internal import CFuse
import Glibc
import SystemPackage

/// Owns libfuse's `struct fuse_session`.
///
/// libfuse locks what it shares between threads; mounting and unmounting are ``Session``'s to order.
final class LibfuseSession: @unchecked Sendable {
  private let raw: OpaquePointer
  // libfuse holds an unretained pointer to it.
  private let server: Server

  /// The corresponding C function is `fuse_session_new`.
  init(server: Server, options: MountOptions) throws(Errno) {
    let strings = ["fusekit", "-o", options.argument]
    var arguments: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var table = Operations.table
    let session = arguments.withUnsafeMutableBufferPointer { buffer in
      var parsed = mfs_args(CInt(strings.count), buffer.baseAddress)
      defer { fuse_opt_free_args(&parsed) }
      return mfs_session_new(&parsed, &table, Unmanaged.passUnretained(server).toOpaque())
    }
    guard let session else { throw .invalidArgument }
    raw = session
    self.server = server
  }

  /// Unmounts what is still mounted. The corresponding C function is `fuse_session_destroy`.
  deinit {
    fuse_session_unmount(raw)
    fuse_session_destroy(raw)
  }

  /// The corresponding C function is `fuse_session_mount`.
  func mount(at path: String) throws(Errno) {
    errno = 0
    guard fuse_session_mount(raw, path) == 0 else {
      // fusermount3 says why on standard error, and leaves no errno.
      throw Errno(rawValue: errno == 0 ? EPERM : errno)
    }
  }

  /// Takes a mounted descriptor instead of mounting; it is the session's to close.
  ///
  /// The corresponding C function is `fuse_session_mount` with `/dev/fd/N`.
  func adopt(_ descriptor: CInt) throws(Errno) {
    try mount(at: "/dev/fd/\(descriptor)")
  }

  var descriptor: CInt { fuse_session_fd(raw) }

  /// From here on requests are read, and replies written, by this package. The session owns `descriptor`.
  ///
  /// The corresponding C function is `fuse_session_custom_io`.
  func takeOverTransport(over descriptor: CInt) throws(Errno) {
    let result = mfs_session_custom_io(
      raw, descriptor,
      { descriptor, buffer, size, _ in Glibc.read(descriptor, buffer, size) },
      { descriptor, parts, count, _ in Outgoing.send(descriptor, parts, count) })
    guard result == 0 else { throw Errno(rawValue: -result) }
  }

  /// Serves one request. The corresponding C function is `fuse_session_process_buf`.
  func process(_ request: UnsafeMutableRawBufferPointer) {
    var buffer = fuse_buf()
    buffer.mem = request.baseAddress
    buffer.size = request.count
    fuse_session_process_buf(raw, &buffer)
  }

  /// Closes the descriptor and unmounts. The corresponding C function is `fuse_session_unmount`.
  func unmount() {
    fuse_session_exit(raw)
    fuse_session_unmount(raw)
  }

  /// The corresponding C function is `fuse_lowlevel_notify_inval_entry`; `name` is closed by a zero byte.
  func invalidateEntry(_ name: [UInt8], in parent: NodeID) {
    name.withUnsafeBufferPointer {
      $0.withMemoryRebound(to: CChar.self) {
        _ = fuse_lowlevel_notify_inval_entry(raw, parent.rawValue, $0.baseAddress, $0.count - 1)
      }
    }
  }

  /// Attributes only where `offset` is negative, else also data from there on; `length` 0 means to the end.
  ///
  /// The corresponding C function is `fuse_lowlevel_notify_inval_inode`.
  func invalidateNode(_ node: NodeID, offset: Int64, length: Int64) {
    _ = fuse_lowlevel_notify_inval_inode(raw, node.rawValue, off_t(offset), off_t(length))
  }
}
