internal import CFuse
import Glibc
import SystemPackage

/// A change to the reply that this thread is about to send, for what libfuse cannot say.
enum ReplyPatch {
  case agree(wanted: InitFlags, offered: InitFlags)
  case passthrough(backing: Int32)
}

/// The way out of a session: every reply and notification passes here as libfuse wrote it.
enum Outgoing {
  /// libfuse's `writev` callback.
  static func send(_ descriptor: CInt, _ parts: UnsafeMutablePointer<iovec>?, _ count: CInt) -> Int {
    // A patch is set just before the reply, and libfuse replies on the calling thread: it can be no other's.
    if let worker = Worker.current, let patch = worker.takePatch(), let parts, count >= 2 {
      apply(patch, header: parts[0], body: parts[Int(count) - 1], worker)
    }
    if Worker.current?.isReplaying ?? false { return size(of: parts, count) }
    return writev(descriptor, parts, count)
  }

  private static func size(of parts: UnsafeMutablePointer<iovec>?, _ count: CInt) -> Int {
    (0..<Int(count)).reduce(0) { $0 + (parts?[$1].iov_len ?? 0) }
  }

  /// Has the kernel send again what was read and not answered.
  ///
  /// FUSE_NOTIFY_RESEND, Linux 6.9: a `struct fuse_out_header` with the notification's code in the place of an error.
  static func requestResend(over descriptor: CInt) throws(Errno) {
    let message: [UInt32] = [16, 7, 0, 0]
    let written = message.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard written == 16 else { throw Errno(rawValue: errno) }
  }

  /// `header` is `struct fuse_out_header { u32 len; i32 error; u64 unique }`.
  private static func apply(_ patch: ReplyPatch, header: iovec, body: iovec, _ worker: Worker) {
    guard header.iov_len >= 16, header.iov_base?.loadUnaligned(fromByteOffset: 4, as: Int32.self) == 0 else {
      return
    }
    let body = UnsafeMutableRawBufferPointer(start: body.iov_base, count: body.iov_len)
    switch patch {
    case .agree(let wanted, let offered):
      worker.agreed = InitReply.grant(wanted, offered: offered, in: body)
    case .passthrough(let backing):
      OpenReply.pass(to: backing, in: body)
    }
  }
}
