import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import FuseKit

/// A session whose kernel is this test: requests go in as bytes, replies come out of a socket.
private final class Wire {
  let files: MemoryFileSystem
  private let libfuse: LibfuseSession
  private let server: Server
  private let worker = Worker(polling: 0)
  private let end: CInt
  private let kernelEnd: CInt
  private var unique: UInt64 = 0

  init(_ files: MemoryFileSystem = MemoryFileSystem()) throws {
    self.files = files
    var ends: [CInt] = [0, 0]
    try #require(socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
    end = ends[1]
    kernelEnd = ends[0]
    server = Server(files)
    libfuse = try LibfuseSession(server: server, options: MountOptions(name: "wire", type: "wire"))
    try libfuse.takeOverTransport(over: ends[0])
  }

  deinit { close(end) }

  /// Makes all replies fail, as they do where the kernel has dropped the request.
  func stopListening() {
    let unwritable = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
    dup2(unwritable, kernelEnd)
    Glibc.close(unwritable)
  }

  func send(_ opcode: UInt32, node: UInt64 = 1, _ body: [UInt8], patch: ReplyPatch? = nil) {
    unique += 1
    var request = [UInt8](repeating: 0, count: 40) + body
    request.withUnsafeMutableBytes {
      $0.storeBytes(of: UInt32($0.count), toByteOffset: 0, as: UInt32.self)
      $0.storeBytes(of: opcode, toByteOffset: 4, as: UInt32.self)
      $0.storeBytes(of: unique, toByteOffset: 8, as: UInt64.self)
      $0.storeBytes(of: node, toByteOffset: 16, as: UInt64.self)
    }
    worker.occupy { worker in
      if let patch { worker.patchNextReply(patch) }
      request.withUnsafeMutableBytes { libfuse.process($0) }
    }
  }

  /// The error of the next reply, and what follows its header.
  func receive() throws -> (error: Int32, body: [UInt8]) {
    var reply = [UInt8](repeating: 0, count: 1 << 17)
    let size = recv(end, &reply, reply.count, CInt(MSG_DONTWAIT))
    try #require(size >= 16)
    let error = reply.withUnsafeBytes { $0.load(fromByteOffset: 4, as: Int32.self) }
    return (error, Array(reply[16..<size]))
  }

  /// INIT of protocol 7.40 with all flags that FuseKit may want.
  func initialise(passthrough: Bool = true) throws -> [UInt8] {
    let flags: UInt32 = 1 << 30 | 1 << 18 | 1 << 13
    let body =
      bytes(UInt32(7)) + bytes(UInt32(40)) + bytes(UInt32(1 << 20)) + bytes(flags)
      + bytes(UInt32(1 << 5)) + [UInt8](repeating: 0, count: 44)
    let offered = InitFlags(rawValue: UInt64(flags) | 1 << 37)
    send(26, body, patch: .agree(wanted: .wanted(passthrough: passthrough, clearsPrivileges: false), offered: offered))
    return try receive().body
  }
}

private func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }
}

private func name(_ text: String) -> [UInt8] { [UInt8](text.utf8) + [0] }

@Suite("Requests and replies, without a kernel")
struct WireTests {
  private let create = bytes(UInt32(O_RDWR)) + bytes(UInt32(S_IFREG | 0o644)) + bytes(UInt64(0))

  @Test("libfuse's reply to INIT has the size and the place for what is added")
  func initialise() throws {
    let wire = try Wire()
    let reply = try wire.initialise()
    #expect(reply.count == InitReply.size)
    let words = reply.withUnsafeBytes { [UInt32]($0.bindMemory(to: UInt32.self)) }
    #expect(words[3] & (1 << 30 | 1 << 18) == 1 << 30 | 1 << 18)
    #expect(words[3] & (1 << 16) == 0)
    #expect(words[5] == 1 << 20)
    #expect(words[8] & 1 << 5 != 0)
    #expect(words[9] == 1)
  }

  @Test("A lookup whose reply is dropped is taken back")
  func undoneLookup() throws {
    let wire = try Wire()
    _ = try wire.initialise()
    wire.send(9, bytes(UInt32(0o755)) + bytes(UInt32(0)) + name("folder"))
    #expect(try wire.receive().error == 0)
    wire.send(1, name("folder"))
    #expect(try wire.receive().error == 0)
    #expect(wire.files.tree.withLock { $0.nodes[2]?.references } == 2)
    wire.stopListening()
    wire.send(1, name("folder"))
    #expect(wire.files.tree.withLock { $0.nodes[2]?.references } == 2)
  }

  @Test("A file created whose reply is dropped is closed and forgotten")
  func undoneCreate() throws {
    let wire = try Wire()
    _ = try wire.initialise()
    wire.stopListening()
    wire.send(35, create + name("file"))
    let (opened, references) = wire.files.tree.withLock { ($0.opened, $0.nodes[2]?.references) }
    #expect(opened == 0)
    #expect(references == 0)
  }

  @Test("A listing with attributes that is dropped gives its lookups back")
  func undoneListing() throws {
    let wire = try Wire()
    _ = try wire.initialise()
    for file in ["a", "bb", "a name that is rather longer"] { wire.send(35, create + name(file)) }
    let read = bytes(UInt64(0)) + bytes(UInt64(0)) + bytes(UInt32(4096)) + [UInt8](repeating: 0, count: 20)
    wire.send(44, read)
    #expect(wire.files.tree.withLock { tree in (2...4).map { tree.nodes[$0]?.references } } == [2, 2, 2])
    wire.stopListening()
    wire.send(44, read)
    #expect(wire.files.tree.withLock { tree in (2...4).map { tree.nodes[$0]?.references } } == [2, 2, 2])
  }

  @Test("An extended attribute answers a probe, a fitting and a short buffer")
  func extendedAttributes() throws {
    let wire = try Wire()
    _ = try wire.initialise()
    wire.files.tree.withLock { $0.nodes[1]?.attributes[[UInt8]("user.x".utf8)] = [1, 2, 3] }
    func request(_ room: UInt32) -> [UInt8] { bytes(room) + bytes(UInt32(0)) + name("user.x") }
    wire.send(22, request(0))
    let probe = try wire.receive()
    #expect(probe.error == 0 && Array(probe.body.prefix(4)) == bytes(UInt32(3)))
    wire.send(22, request(3))
    #expect(try wire.receive().body == [1, 2, 3])
    wire.send(22, request(2))
    #expect(try wire.receive().error == -ERANGE)
  }

  @Test("What a file system does not do is refused, and the request stays switched on")
  func defaults() throws {
    let wire = try Wire()
    _ = try wire.initialise()
    wire.send(8, bytes(UInt32(S_IFIFO)) + bytes(UInt32(0)) + bytes(UInt64(0)) + name("fifo"))
    #expect(try wire.receive().error == -EPERM)
    wire.send(43, [UInt8](repeating: 0, count: 32))
    #expect(try wire.receive().error == -EOPNOTSUPP)
    wire.send(47, [UInt8](repeating: 0, count: 56))
    #expect(try wire.receive().error == -EOPNOTSUPP)
    wire.send(46, [UInt8](repeating: 0, count: 24))
    #expect(try wire.receive().error == -ENOSYS)
  }

  @Test("A listing knows beforehand what fits", arguments: [true, false], [0, 1, 2, 3, 7, 8, 9, 255])
  func listingSizes(wantsAttributes: Bool, nameLength: Int) throws {
    let request = try #require(OpaquePointer(bitPattern: 8))
    let name = [UInt8](repeating: 97, count: nameLength) + [0]
    let exact = ((wantsAttributes ? 152 : 24) + nameLength + 7) / 8 * 8
    for size in [exact - 1, exact, exact * 3 - 1, exact * 3] {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
      defer { buffer.deallocate() }
      var listing = DirectoryListing(request: request, buffer: buffer, wantsAttributes: wantsAttributes)
      var count = 0
      while listing.hasRoom(forNameOf: nameLength) {
        let entry = Entry(node: NodeID(rawValue: 5), attributes: Attributes(stat: stat(), timeout: 0), timeout: 0)
        let isAdded =
          wantsAttributes
          ? listing.add(name: name, entry: entry, next: 1) : listing.add(name: name, inode: 5, type: 8, next: 1)
        #expect(isAdded)
        count += 1
      }
      #expect(count == size / exact)
      if !wantsAttributes {
        let isAdded = listing.add(name: name, inode: 5, type: 8, next: 1)
        #expect(!isAdded)
      }
      var nodes = 0
      listing.forEachNode { _ in nodes += 1 }
      #expect(nodes == (wantsAttributes ? count : 0))
    }
  }
}
