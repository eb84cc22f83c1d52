import Foundation
import Testing

@testable import FuseKit

@Suite("Idle processors")
struct IdleProcessorsTests {
  /// What the kernel was told, in microseconds, by way of a file in the device's place.
  private final class Device: Sendable {
    private let file: CInt
    init() {
      var path = Array("/tmp/mammofs-test.XXXXXX".utf8CString)
      file = mkstemp(&path)
      unlink(path)
    }
    deinit { close(file) }
    func processors() -> IdleProcessors { IdleProcessors(device: dup(file)) }
    var wishes: [Int32] {
      var wishes = [Int32](repeating: 0, count: 64)
      let size = pread(file, &wishes, 64 * 4, 0)
      return Array(wishes[..<(size / 4)])
    }
  }

  @Test("are kept from halting by requests that follow closely, once, and let go at the next pause")
  func held() {
    let device = Device()
    let processors = device.processors()
    for _ in 1..<IdleProcessors.threshold { processors.requestArrived(bytes: 100, closely: true) }
    #expect(!processors.areKept && device.wishes == [])
    for _ in 1...100 { processors.requestArrived(bytes: 100, closely: true) }
    #expect(processors.areKept && device.wishes == [0])
    processors.rest()
    processors.rest()
    #expect(!processors.areKept && device.wishes == [0, IdleProcessors.anyLatency])
  }

  @Test("halt as before where requests come now and then")
  func sparse() {
    let device = Device()
    let processors = device.processors()
    for number in 1...1000 { processors.requestArrived(bytes: 100, closely: number % IdleProcessors.threshold != 0) }
    #expect(!processors.areKept && device.wishes == [])
  }

  @Test("halt as before where bytes are written")
  func bytes() {
    let device = Device()
    let processors = device.processors()
    for _ in 1...100 { processors.requestArrived(bytes: IdleProcessors.smallRequest + 1, closely: true) }
    #expect(!processors.areKept && device.wishes == [])
    for _ in 1...100 { processors.requestArrived(bytes: 100, closely: true) }
    processors.requestArrived(bytes: 128 << 10, closely: true)
    #expect(!processors.areKept && device.wishes == [0, IdleProcessors.anyLatency])
  }

  @Test("halt as before where there is no device, or it listens not")
  func none() throws {
    for device in [-1, open("/dev/full", O_WRONLY | O_CLOEXEC)] {
      let processors = IdleProcessors(device: device)
      for _ in 1...100 { processors.requestArrived(bytes: 100, closely: true) }
      #expect(!processors.areKept)
      processors.rest()
    }
  }

  @Test("are let go before a leader that nobody asks any more sleeps")
  func connection() throws {
    let device = Device()
    let processors = device.processors()
    var ends: [CInt] = [-1, -1]
    try #require(socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    let connection = try Connection(descriptor: ends[0], processors: processors)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
    defer { buffer.deallocate() }
    var patience = Patience(ceiling: 1000)
    for _ in 0..<IdleProcessors.threshold {
      #expect(write(ends[1], "request", 7) == 7)
      guard case .request(7, _) = connection.receive(into: buffer, patience: &patience) else {
        Issue.record("no request")
        return
      }
    }
    #expect(device.wishes == [0])
    let stopper = Thread {
      let deadline = Date(timeIntervalSinceNow: 60)
      while device.wishes.count < 2, Date.now < deadline { sched_yield() }
      connection.stop()
    }
    stopper.start()
    guard case .stopped = connection.receive(into: buffer, patience: &patience) else {
      Issue.record("not stopped")
      return
    }
    #expect(device.wishes == [0, IdleProcessors.anyLatency])
  }
}
