@testable import FuseKit

/// What this project's code reads and changes in the kernel's messages by itself, as raw bytes.
enum Messages {
  static func test(_ input: UnsafeRawBufferPointer) {
    if let header = RequestHeader(input) {
      expect(header.bytes >= 0, "\(header)")
      _ = header.opcode.takesLong
      _ = header.opcode.bit
    }
    guard let request = InitRequest(input) else { return patch(input, .passthrough) }
    patch(input, request.offered)
  }

  private static func patch(_ input: UnsafeRawBufferPointer, _ offered: InitFlags) {
    let reply = UnsafeMutableRawBufferPointer.allocate(byteCount: input.count, alignment: 8)
    defer { reply.deallocate() }
    reply.copyMemory(from: input)
    let wanted = InitFlags.wanted(passthrough: true, clearsPrivileges: true)
    let agreed = InitReply.grant(wanted, offered: offered, in: reply)
    expect(!agreed.contains(.passthrough) || !agreed.contains(.writebackCache), "\(agreed)")
    OpenReply.pass(to: 7, in: reply)
  }
}
