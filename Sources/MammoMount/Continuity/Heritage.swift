internal import CLinux
internal import FuseKit
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// What a server that has ended left open, as the next one finds it: looked at before anything else is opened.
struct Heritage {
  let open: [(slot: Int, record: HandleRecord)]
  let inheritance: Inheritance

  /// Takes the descriptors of a server that has ended into use, and closes those that nobody needs any more.
  init(_ state: SharedState) {
    let records = state.handles.inUse
    var needed: Set<CInt> = [0, 1, 2, state.descriptor, state.device, state.lock, state.companion]
    for (_, record) in records where record.descriptor >= 0 { needed.insert(record.descriptor) }
    for (_, descriptor) in state.nodes.left { needed.insert(descriptor) }
    Self.closeAll(but: needed)
    // A program that took over on purpose has them without.
    for descriptor in needed where descriptor > 2 { _ = lx_set_cloexec(descriptor) }
    open = records
    var files = Set<FileIdentity>()
    // Whether a rename under way was carried out is yet to be seen: until then its file stays where it is.
    for (_, intent) in state.intents.all where !intent.isDone {
      files.insert(intent.identity)
      if let other = intent.exchanged { files.insert(other.identity) }
    }
    var chunks: [FileName: [Range<Int64>]] = [:]
    let nodes = state.nodes
    for (_, record) in records {
      guard record.descriptor >= 0, let stat = try? Sys.stat(record.descriptor), stat.isRegularFile else { continue }
      files.insert(FileIdentity(stat))
      let slot = NodeID(rawValue: record.node).slot
      // What a session that is gone had is nobody's place in one of its name.
      guard nodes.isUsed(slot), let place = try? Storage.place(ofChunk: record.descriptor) else { continue }
      let session = NodeID(rawValue: nodes[slot].parent).slot
      guard nodes.isUsed(session), !nodes.isOrphan(session) else { continue }
      chunks[nodes.name(session), default: []].append(place..<place + Int64(stat.st_size))
    }
    inheritance = Inheritance(lock: state.lock, open: files, chunks: chunks)
  }

  /// Closes every descriptor of this process but some.
  static func closeAll(but needed: Set<CInt>) {
    guard let folder = try? Sys.openFile("/proc/self/fd"), let all = try? FolderStream.all(of: folder) else { return }
    for entry in all {
      // The one over which this list came is closed already.
      if let number = CInt(entry.name.description), number != folder.raw, !needed.contains(number) { close(number) }
    }
  }
}

extension SharedState {
  /// Makes descriptors that the next program needs outlive an `execve`.
  package func keepDescriptorsOpen() {
    let files = handles.inUse.map(\.record.descriptor) + nodes.left.map(\.descriptor)
    for descriptor in [descriptor, device, lock, companion] + files where descriptor >= 0 {
      _ = lx_clear_cloexec(descriptor)
    }
  }
}
