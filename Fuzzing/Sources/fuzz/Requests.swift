import Glibc
import Logging
import SystemPackage

@testable import FuseKit
@testable import MammoMount
@testable import StorageCore

/// Requests in the transport, answered by the real tree over a storage root in memory.
///
/// libfuse trusts the lengths that the kernel has checked, so each request is as long as its kind asks for and its
/// names are closed; kind, node, handle, numbers and names are the input's. A request is a byte for the kind, one for
/// the node, one for how many bytes follow, and those.
enum Requests {
  /// Bytes before the names of a request, and how many names there are; by the kernel's number.
  private static let shapes: [UInt32: (fixed: Int, names: Int)] = [
    1: (0, 1), 2: (8, 0), 3: (16, 0), 4: (88, 0), 5: (0, 0), 6: (0, 2), 8: (16, 1), 9: (8, 1), 10: (0, 1), 11: (0, 1),
    12: (8, 2), 13: (8, 1), 14: (8, 0), 15: (40, 0), 16: (40, 0), 17: (0, 0), 18: (24, 0), 20: (16, 0), 21: (8, 1),
    22: (8, 1), 23: (8, 0), 24: (0, 1), 25: (24, 0), 27: (8, 0), 28: (40, 0), 29: (24, 0), 30: (16, 0), 34: (8, 0),
    35: (16, 1), 43: (32, 0), 44: (40, 0), 45: (16, 2), 46: (24, 0), 47: (56, 0),
  ]
  private static let kinds = shapes.keys.sorted()

  static func test(_ input: UnsafeRawBufferPointer) {
    let path = Scratch.folder()
    defer { Scratch.remove(path) }
    do {
      let storage = try Storage(path: path)
      try storage.initialize()
      let tree = try MountTree(
        storage: storage, state: SharedState(), descriptorLimit: 256,
        logger: Logger(label: "fuzz") { _ in
          SwiftLogNoOpLogHandler()
        })
      try serve(input, tree)
      try storage.close()
    } catch {
      fatalError("\(error)")
    }
  }

  private static func serve(_ input: UnsafeRawBufferPointer, _ tree: MountTree) throws {
    var ends: [CInt] = [0, 0]
    guard socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) == 0 else { fatalError("no sockets") }
    // The session owns the other one.
    defer { close(ends[1]) }
    let server = Server(tree)
    let session = try LibfuseSession(server: server, options: MountOptions(name: "fuzz", type: "fuzz"))
    try session.takeOverTransport(over: ends[0])
    let worker = Worker(polling: 0)
    var unique: UInt64 = 0
    func send(_ opcode: UInt32, _ node: UInt64, _ body: [UInt8]) {
      unique += 1
      var request = [UInt8](repeating: 0, count: 40) + body
      request.withUnsafeMutableBytes {
        $0.storeBytes(of: UInt32($0.count), toByteOffset: 0, as: UInt32.self)
        $0.storeBytes(of: opcode, toByteOffset: 4, as: UInt32.self)
        $0.storeBytes(of: unique, toByteOffset: 8, as: UInt64.self)
        $0.storeBytes(of: node, toByteOffset: 16, as: UInt64.self)
        $0.storeBytes(of: UInt32(getpid()), toByteOffset: 32, as: UInt32.self)
      }
      worker.occupy { _ in request.withUnsafeMutableBytes { session.process($0) } }
      var reply = [UInt8](repeating: 0, count: 1 << 17)
      while recv(ends[1], &reply, reply.count, CInt(MSG_DONTWAIT)) > 0 {}
    }
    // As the kernel begins: 7.38, with all that it could offer.
    send(26, 0, bytes([7, 38, 1 << 17, 0xFFFF_FFFF, 0xFF]) + [UInt8](repeating: 0, count: 44))

    var rest = input[...]
    while let kind = rest.popFirst(), let node = rest.popFirst(), let length = rest.popFirst(), unique < 64 {
      let content = Array(rest.prefix(Int(length)))
      rest = rest.dropFirst(Int(length))
      let opcode = kinds[Int(kind) % kinds.count]
      guard let shape = shapes[opcode] else { continue }
      send(opcode, UInt64(node), body(opcode, shape.fixed, shape.names, content))
    }
  }

  private static func body(_ opcode: UInt32, _ fixed: Int, _ names: Int, _ content: [UInt8]) -> [UInt8] {
    var body = Array(content.prefix(fixed))
    body += [UInt8](repeating: 0, count: fixed - body.count)
    var content = content.dropFirst(fixed)
    func store(_ value: UInt32, at offset: Int) {
      body.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: offset, as: UInt32.self) }
    }
    switch opcode {
    case 16, 21:
      // As much data as is said, behind the attribute's name.
      let data = opcode == 16 ? content : content.drop { $0 != 0 }.dropFirst()
      let name = content.prefix { $0 != 0 }
      store(UInt32(data.count), at: opcode == 16 ? 16 : 0)
      return opcode == 16 ? body + data : body + name + [0] + data
    // As much as the kernel asks for at once.
    case 15, 28, 44: store(4096, at: 16)
    case 22, 23: store(1024, at: 0)
    default: break
    }
    for _ in 0..<names {
      let name = content.prefix { $0 != 0 }
      body += name + [0]
      content = content.dropFirst(name.count + 1)
    }
    return body
  }

  private static func bytes(_ words: [UInt32]) -> [UInt8] {
    words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
  }
}
