import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import FuseKit

@Suite("A mounted file system", .serialized, .enabled(if: missingForMounts == nil, missingForMounts))
struct SessionTests {
  @Test("Files, folders and links behave as elsewhere", arguments: [0, 1000])
  func everyday(polling: Int) throws {
    let mounted = try Mounted(MemoryFileSystem(), polling: polling)
    defer { mounted.end() }
    let script = """
      set -e
      mkdir d; echo hello > d/a; cat d/a; mv d/a d/b; ln -s d/b l; cat l; readlink l
      echo more >> d/b; cat d/b; : > d/b; stat -c %s d/b; ls d; ls -la d | grep -c ' b$'
      head -c 3000000 /dev/zero | tr '\\0' x > d/big; stat -c %s d/big; tr -d x < d/big | wc -c
      truncate -s 10 d/big; stat -c %s d/big
      if cat nothing 2>/dev/null; then exit 1; fi
      if rmdir d 2>/dev/null; then exit 1; fi
      rm d/b d/big; rmdir d; rm l; ls | wc -l
      """
    let (status, output) = try mounted.shell(script)
    #expect(status == 0)
    #expect(
      output.split(separator: "\n") == [
        "hello", "hello", "d/b", "hello", "more", "0", "b", "1", "3000000", "0", "10", "0",
      ])
  }

  @Test("A folder of many names is listed completely, by names and with attributes")
  func listing() throws {
    let mounted = try Mounted(MemoryFileSystem())
    defer { mounted.end() }
    try mounted.shell("i=0; while [ $i -lt 1500 ]; do : > some-file-$i; i=$((i+1)); done")
    #expect(try mounted.shell("ls -U | sort -u | wc -l; ls -lU | grep -c some-file").output == "1500\n1500\n")
  }

  @Test("The source and the type of the mount are shown as given")
  func mountTable() throws {
    let mounted = try Mounted(MemoryFileSystem())
    defer { mounted.end() }
    #expect(try readText("/proc/self/mounts").contains("a,name \(mounted.path) fuse.fusekit "))
  }

  @Test("Handlers that wait for a later request do not keep it away", arguments: [1, 4, 64])
  func noDeadlock(workers: Int) throws {
    let gate = Monitor(Gate())
    let files = MemoryFileSystem(timeout: 0) { name in
      if name == "go" {
        gate.withLock { $0.isOpen = true }
        gate.wakeAll()
      }
      guard name.hasPrefix("wait-") else { return }
      gate.withLock { $0.waiting += 1 }
      gate.wakeAll()
      let deadline = timespec(tv_sec: Int(monotonicNanoseconds() / 1_000_000_000) + 30, tv_nsec: 0)
      if !gate.wait(deadline: deadline, until: { $0.isOpen }) { gate.withLock { $0.isLate = true } }
    }
    let mounted = try Mounted(files, workers: workers)
    defer { mounted.end() }
    let others = try Task50(in: mounted)
    // All fifty are inside their handlers before the request that ends their wait is made.
    let deadline = timespec(tv_sec: Int(monotonicNanoseconds() / 1_000_000_000) + 30, tv_nsec: 0)
    #expect(gate.wait(deadline: deadline) { $0.waiting == 50 })
    #expect(try mounted.shell("[ -e go ]").status == 1)
    others.join()
    #expect(!gate.withLock { $0.isLate })
  }

  @Test("A close is served before a later request that waits for it", arguments: [0, 1000])
  func closesReach(polling: Int) throws {
    let gate = Monitor(Gate())
    let files = MemoryFileSystem(
      timeout: 0,
      before: { name in
        guard name.hasPrefix("wait-"), let number = Int(name.dropFirst(5)) else { return }
        let deadline = timespec(tv_sec: Int(monotonicNanoseconds() / 1_000_000_000) + 30, tv_nsec: 0)
        if !gate.wait(deadline: deadline, until: { $0.closed >= number }) { gate.withLock { $0.isLate = true } }
      },
      closed: {
        gate.withLock { $0.closed += 1 }
        gate.wakeAll()
      })
    let mounted = try Mounted(files, polling: polling)
    defer { mounted.end() }
    // The shell looks for the name as soon as it has closed the file: the close may not have been served by then.
    try mounted.shell("i=0; while [ $i -lt 100 ]; do i=$((i+1)); : > f; [ -e wait-$i ]; done")
    #expect(gate.withLock { $0.closed } == 100)
    #expect(!gate.withLock { $0.isLate })
  }

  @Test("What a listing leaves to be done is done once nobody waits, until there is no more")
  func afterwards() throws {
    let pieces = Monitor(0)
    let files = MemoryFileSystem(afterwards: {
      let isMore = pieces.withLock { pieces in
        pieces += 1
        return pieces < 50
      }
      pieces.wakeAll()
      return isMore
    })
    let mounted = try Mounted(files)
    defer { mounted.end() }
    try mounted.shell(": > f; ls -l")
    let deadline = timespec(tv_sec: Int(monotonicNanoseconds() / 1_000_000_000) + 30, tv_nsec: 0)
    #expect(pieces.wait(deadline: deadline) { $0 >= 50 })
  }

  @Test("stop() ends serving and leaves the mount to unmount()")
  func stop() throws {
    let files = MemoryFileSystem()
    let mounted = try Mounted(files)
    try mounted.shell("echo x > f")
    mounted.session.stop()
    #expect(mounted.join() == nil)
    #expect(mounted.isMounted)
    #expect(files.tree.withLock { $0.hasEnded })
    mounted.session.unmount()
    #expect(!mounted.isMounted)
    #expect(rmdir(mounted.path) == 0)
    #expect(throws: Errno.socketNotConnected) { try mounted.session.run() }
  }

  @Test("An unmount from outside ends run(), and a late notification does nothing")
  func unmountedOutside() throws {
    let files = MemoryFileSystem()
    let mounted = try Mounted(files)
    try mounted.shell("echo x > f")
    #expect(try run("fusermount3 -u '\(mounted.path)' || umount '\(mounted.path)'").status == 0)
    #expect(mounted.join() == nil)
    let notifier = try #require(files.tree.withLock { $0.notifier })
    notifier.invalidateData(of: .root)
    #expect(notifier.waitUntilDelivered(timeoutMilliseconds: 1000))
    #expect(throws: Errno.socketNotConnected) { try notifier.registerBacking(0) }
    mounted.session.unmount()
    #expect(!mounted.isMounted)
    #expect(rmdir(mounted.path) == 0)
  }

  @Test("stop() before run() makes run() return at once")
  func stoppedBefore() throws {
    let mounted = try Mounted(MemoryFileSystem())
    mounted.session.stop()
    mounted.end()
  }

  @Test("A folder that is not there is ENOENT, and a second mount EBUSY")
  func refusals() throws {
    let session = try Session(fileSystem: MemoryFileSystem(), options: MountOptions(name: "x", type: "x"))
    #expect(throws: Errno.noSuchFileOrDirectory) { try session.mount(at: "/nonexistent/folder") }
    #expect(throws: Errno.socketNotConnected) { try session.run() }
    let mounted = try Mounted(MemoryFileSystem())
    #expect(throws: Errno.resourceBusy) { try mounted.session.mount(at: "/tmp") }
    mounted.end()
    #expect(throws: Errno.invalidArgument) {
      try Session(
        fileSystem: MemoryFileSystem(), options: MountOptions(name: "x", type: "x", options: ["no_such_option"]))
    }
  }

  @Test("What the kernel remembers is dropped when it is told")
  func invalidation() throws {
    let files = MemoryFileSystem(timeout: 1000)
    let mounted = try Mounted(files)
    defer { mounted.end() }
    try mounted.shell("echo old > f; cat f; cat g")
    let inode = try #require(
      files.tree.withLock { tree -> UInt64? in
        guard let inode = tree.nodes[1]?.children[Array("f".utf8)] else { return nil }
        tree.nodes[inode]?.bytes = Array("NEW\n".utf8)
        tree.nodes[1]?.children[Array("g".utf8)] = inode
        return inode
      })
    #expect(try mounted.shell("cat f; [ -e g ]").output == "old\n")
    let notifier = try #require(files.tree.withLock { $0.notifier })
    notifier.invalidateData(of: NodeID(rawValue: inode))
    notifier.invalidateAttributes(of: NodeID(rawValue: inode))
    notifier.invalidateEntry(Array("g".utf8), in: .root)
    notifier.invalidateEntry(Array("nobody knows it".utf8), in: .root)
    #expect(notifier.waitUntilDelivered(timeoutMilliseconds: 10_000))
    #expect(try mounted.shell("cat f; cat g").output == "NEW\nNEW\n")
  }

  @Test("A passed-through file is read and written without the file system")
  func passthrough() throws {
    var template = Array("/tmp/fusekit-backing-XXXXXX".utf8CString)
    let backing = mkstemp(&template)
    try #require(backing >= 0)
    defer { close(backing) }
    unlink(&template)
    try #require(write(backing, "below", 5) == 5)
    let files = PassthroughFileSystem(backing: backing)
    let mounted = try Mounted(files, passthrough: true)
    defer { mounted.end() }
    let (_, output) = try mounted.shell("cat file; printf ABOVE 1<>file; cat file")
    switch files.refusal.withLock({ $0 }) {
    case nil: #expect(output == "belowABOVE")
    // Not offered by this kernel, or not allowed to this user.
    case .some(let refusal): #expect(refusal == .notPermitted || refusal == .notSupported)
    }
  }
}

private struct Gate {
  var isOpen = false
  var isLate = false
  var waiting = 0
  var closed = 0
}

/// Fifty processes, each of which looks up one name, started and awaited on a thread of its own.
private final class Task50: @unchecked Sendable {
  private var thread = pthread_t()
  private let mounted: Mounted

  init(in mounted: Mounted) throws {
    self.mounted = mounted
    let code = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let task = Unmanaged<Task50>.fromOpaque(argument).takeRetainedValue()
        _ = try? task.mounted.shell("for i in $(seq 50); do [ -e wait-$i ] & done; wait")
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    try #require(code == 0)
  }

  func join() { pthread_join(thread, nil) }
}
