import FuseKit
import Glibc
import Synchronization
import SystemPackage

/// One file, `file`, whose bytes the kernel takes from a backing file. Its handlers move no bytes.
final class PassthroughFileSystem: FileSystem {
  let refusal = Mutex<Errno?>(nil)
  private let backing: CInt
  private let notifier = Mutex<KernelNotifier?>(nil)
  private let id = Mutex<(id: Int32, opens: Int)>((0, 0))

  init(backing: CInt) { self.backing = backing }

  func mounted(_ notifier: KernelNotifier) {
    self.notifier.withLock { $0 = notifier }
    if !notifier.passthroughAvailable { refusal.withLock { $0 = .notSupported } }
  }

  func lookup(_ name: EntryName, in parent: NodeID, _ caller: Caller) throws(Errno) -> Entry {
    guard name.bytes.elementsEqual("file".utf8) else { return .none(timeout: 0) }
    let node = NodeID(rawValue: 2)
    return Entry(node: node, attributes: try attributes(of: node, handle: nil, caller), timeout: 0)
  }

  func attributes(of node: NodeID, handle: HandleID?, _ caller: Caller) throws(Errno) -> Attributes {
    var stat = stat()
    if node == .root {
      stat.st_mode = S_IFDIR | 0o755
    } else {
      fstat(backing, &stat)
      stat.st_mode = S_IFREG | 0o600
    }
    stat.st_ino = ino_t(node.rawValue)
    return Attributes(stat: stat, timeout: 0)
  }

  func open(_ node: NodeID, flags: Int32, _ caller: Caller) throws(Errno) -> OpenedFile {
    if let refusal = refusal.withLock({ $0 }) { throw refusal }
    guard let notifier = notifier.withLock({ $0 }) else { throw .ioError }
    do throws(Errno) {
      let id = try id.withLock { state throws(Errno) in
        if state.opens == 0 { state.id = try notifier.registerBacking(backing) }
        state.opens += 1
        return state.id
      }
      return OpenedFile(handle: HandleID(rawValue: 1), service: .passthrough(backing: id))
    } catch {
      refusal.withLock { $0 = error }
      throw error
    }
  }

  func release(_ node: NodeID, _ handle: HandleID) {
    id.withLock { state in
      state.opens -= 1
      if state.opens == 0 { notifier.withLock { $0 }?.unregisterBacking(state.id) }
    }
  }
}
