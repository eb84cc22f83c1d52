import Testing

@testable import FuseKit

@Suite("The reply to INIT")
struct InitReplyTests {
  private let everything = InitFlags(rawValue: .max)

  private func words(_ reply: [UInt8]) -> [UInt32] {
    reply.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
    }
  }

  private func grant(
    _ wanted: InitFlags, offered: InitFlags, to words: [Int: UInt32] = [:], size: Int = 64
  ) -> (InitFlags, [UInt32]) {
    var reply = [UInt8](repeating: 0, count: size)
    let agreed = reply.withUnsafeMutableBytes { bytes in
      for (index, word) in words { bytes.storeBytes(of: word, toByteOffset: index * 4, as: UInt32.self) }
      return InitReply.grant(wanted, offered: offered, in: bytes)
    }
    return (agreed, self.words(reply))
  }

  @Test("Passthrough sets flags2, the bit that makes the kernel read it, and the stack depth")
  func passthrough() {
    let (agreed, words) = grant(
      .wanted(passthrough: true, clearsPrivileges: false), offered: everything, to: [3: 1 << 16 | 1])
    #expect(agreed.contains(.passthrough))
    #expect(words[3] == 1 << 30 | 1 << 18 | 1)
    #expect(words[8] == 1 << 5 | 1 << 7)
    #expect(words[9] == 1)
  }

  @Test("Nothing is set that the kernel did not offer")
  func offered() {
    let (agreed, words) = grant(
      .wanted(passthrough: true, clearsPrivileges: false), offered: [.parallelDirectoryOperations], to: [3: 5])
    #expect(!agreed.contains(.passthrough))
    #expect(words[3] == 1 << 18 | 5)
    #expect(words[8] == 0)
    #expect(words[9] == 0)
  }

  @Test("Without passthrough the stack depth stays")
  func plain() {
    let (agreed, words) = grant(.wanted(passthrough: false, clearsPrivileges: false), offered: everything)
    #expect(!agreed.contains(.passthrough))
    #expect(words[9] == 0)
    #expect(words[3] == 1 << 30 | 1 << 18)
  }

  @Test("A reply of an older protocol stays as it is", arguments: [8, 24, 60])
  func short(size: Int) {
    let (agreed, words) = grant(.wanted(passthrough: true, clearsPrivileges: false), offered: everything, size: size)
    #expect(agreed == [])
    #expect(words.allSatisfy { $0 == 0 })
  }

  @Test("The kernel's offer is read from requests with and without flags2")
  func request() throws {
    var request = [UInt8](repeating: 0, count: 104)
    request[4] = 26
    request.replaceSubrange(52..<60, with: [0, 0, 4, 0x40, 0x20, 0, 0, 0])
    let long = request.withUnsafeBytes { InitRequest($0) }
    #expect(try #require(long).offered == [.parallelDirectoryOperations, .extended, .passthrough])
    let short = request[..<56].withUnsafeBytes { InitRequest($0) }
    #expect(try #require(short).offered == [.parallelDirectoryOperations, .extended])
    request[4] = 1
    #expect(request.withUnsafeBytes { InitRequest($0) } == nil)
  }
}

@Suite("The reply to OPEN")
struct OpenReplyTests {
  @Test("Passthrough is told in the last 16 bytes, other flags stay", arguments: [16, 144])
  func passthrough(size: Int) {
    var reply = [UInt8](repeating: 0, count: size)
    reply[size - 8] = 0x20
    reply.withUnsafeMutableBytes { OpenReply.pass(to: 0x0102_0304, in: $0) }
    #expect(reply.suffix(8) == [0xa0, 0, 0, 0, 4, 3, 2, 1])
    #expect(reply.dropLast(8).allSatisfy { $0 == 0 })
  }

  @Test("A reply that is too short is left alone")
  func short() {
    var reply: [UInt8] = [1, 2, 3, 4]
    reply.withUnsafeMutableBytes { OpenReply.pass(to: 1, in: $0) }
    #expect(reply == [1, 2, 3, 4])
  }
}

@Suite("The head of a request")
struct RequestHeaderTests {
  @Test("Big reads and writes are long, small ones are not, fsync always is")
  func long() throws {
    func header(_ opcode: UInt8, count: Int, size: UInt32 = 0) throws -> RequestHeader {
      var request = [UInt8](repeating: 0, count: count)
      request[4] = opcode
      if count >= 60 { request.withUnsafeMutableBytes { $0.storeBytes(of: size, toByteOffset: 56, as: UInt32.self) } }
      return try #require(request.withUnsafeBytes { RequestHeader($0) })
    }
    let small = try header(15, count: 80, size: 4096)
    let big = try header(15, count: 80, size: 1 << 20)
    let write = try header(16, count: 80 + (1 << 20))
    let fsync = try header(20, count: 56)
    #expect(!small.opcode.moves(bytes: small.bytes))
    #expect(big.bytes == 1 << 20 && big.opcode.moves(bytes: big.bytes))
    #expect(write.opcode.moves(bytes: write.bytes))
    #expect(fsync.opcode.takesLong)
    #expect([UInt8](repeating: 0, count: 39).withUnsafeBytes { RequestHeader($0) } == nil)
  }
}
