import CLinux
import Glibc
import Testing

/// What a line of /proc/PID/task/TID/syscall says of a thread of a killed server.
@Suite("A thread of a killed server")
struct DiskCallTests {
  private static let device: CInt = 5

  /// The kernel's numbers, which Swift's Glibc does not have.
  private enum Call {
    #if arch(x86_64)
      static let looking = [202, 17, 3]
      static let changing = [316, 263, 258, 18]
      static let synchronizing = [74, 75, 277, 306]
      static let writing = [1, 20]
      static let openat = 257
    #else
      static let looking = [98, 67, 57]
      static let changing = [276, 35, 34, 68]
      static let synchronizing = [82, 83, 84, 267]
      static let writing = [64, 66]
      static let openat = 56
    #endif
    static let openat2 = 437
  }

  private func mayChangeDisk(_ call: Int, _ arguments: Int...) -> Bool {
    let shown = (arguments + Array(repeating: 0, count: 6 - arguments.count)).map { "0x" + String($0, radix: 16) }
    let text = "\(call) \(shown.joined(separator: " ")) 0x7ffc00000000 0x7fee00000000\n"
    return lx_call_may_change_disk(text, Self.device) != 0
  }

  @Test("may change the disk by a call that does, or by one that nobody knows")
  func changing() {
    for call in Call.changing + [Call.openat2, 100_000] { #expect(mayChangeDisk(call, 3)) }
    #expect(lx_call_may_change_disk("running\n", Self.device) != 0)
  }

  @Test("only looks, or waits")
  func looking() {
    for call in Call.looking { #expect(!mayChangeDisk(call, 3)) }
    #expect(lx_call_may_change_disk("-1 0x7ffc00000000 0x7fee00000000\n", Self.device) == 0)
  }

  @Test("changes no name by having the disk take what was written")
  func synchronizing() {
    for call in Call.synchronizing { #expect(!mayChangeDisk(call, 3)) }
  }

  @Test("may tell the kernel something, which may wait for an answer of the next server")
  func telling() {
    for call in Call.writing {
      #expect(!mayChangeDisk(call, Int(Self.device), 0x7ffc_0000_1000, 2))
      #expect(mayChangeDisk(call, 6, 0x7ffc_0000_1000, 2))
    }
  }

  @Test("may make a file by opening it, and may empty one")
  func opening() {
    #expect(!mayChangeDisk(Call.openat, 3, 0x7ffc_0000_1000, Int(O_RDWR | lx_O_CLOEXEC)))
    #expect(mayChangeDisk(Call.openat, 3, 0x7ffc_0000_1000, Int(O_RDWR | O_CREAT | O_EXCL), 0o600))
    #expect(mayChangeDisk(Call.openat, 3, 0x7ffc_0000_1000, Int(O_WRONLY | O_TRUNC)))
  }
}
