internal import CFuse
import Glibc
import SystemPackage

/// The way back for one request.
///
/// The file system has counted what it gives before the reply. Where the kernel
/// does not take it (the caller was killed meanwhile, and the write of the reply
/// fails), nobody will give it back, so it is taken back here.
struct Reply {
  let request: fuse_req_t
  let fileSystem: any FileSystem

  func send(_ answer: Answer) {
    switch answer {
    case .nothing: fuse_reply_none(request)
    case .done: fuse_reply_err(request, 0)
    case .refusal(let error): fuse_reply_err(request, error.rawValue)
    case .entry(let entry): send(entry)
    case .attributes(var attributes): fuse_reply_attr(request, &attributes.stat, attributes.timeout)
    case .created(let entry, let file): send(entry, file)
    case .opened(let file, let node):
      if !isTaken(sendOpened(file)) { fileSystem.release(node, file.handle) }
    case .openedDirectory(let handle, let node):
      var info = fuse_file_info()
      info.fh = handle.rawValue
      if !isTaken(fuse_reply_open(request, &info)) { fileSystem.releaseDirectory(node, handle) }
    case .buffer(let bytes): _ = send(bytes)
    case .bytes(let bytes): bytes.withUnsafeBytes { _ = send($0) }
    case .listing(let listing):
      if isTaken(send(listing.filled)) {
        Worker.current?.spare = listing.afterwards
      } else {
        listing.forEachNode { fileSystem.forget($0, count: 1) }
      }
    case .written(let count): fuse_reply_write(request, count)
    case .position(let offset): fuse_reply_lseek(request, off_t(offset))
    case .statistics(var whole): fuse_reply_statfs(request, &whole)
    case .attribute(let value, let room):
      if room == 0 {
        fuse_reply_xattr(request, value.count)
      } else if value.count > room {
        fuse_reply_err(request, ERANGE)
      } else {
        value.withUnsafeBytes { _ = send($0) }
      }
    }
  }

  private func send(_ entry: Entry) {
    var parameter = entry.parameter
    if !isTaken(fuse_reply_entry(request, &parameter)), let node = entry.node {
      fileSystem.forget(node, count: 1)
    }
  }

  private func send(_ entry: Entry, _ file: OpenedFile) {
    var parameter = entry.parameter
    let result = reply(opening: file) { fuse_reply_create(request, &parameter, &$0) }
    if !isTaken(result), let node = entry.node {
      fileSystem.release(node, file.handle)
      fileSystem.forget(node, count: 1)
    }
  }

  private func sendOpened(_ file: OpenedFile) -> CInt {
    reply(opening: file) { fuse_reply_open(request, &$0) }
  }

  private func reply(opening file: OpenedFile, _ send: (inout fuse_file_info) -> CInt) -> CInt {
    var info = fuse_file_info()
    let noflush: CInt = file.skipsFlush ? 1 : 0
    switch file.service {
    case .cached: mfs_open_reply(&info, file.handle.rawValue, 0, 1, noflush)
    case .direct: mfs_open_reply(&info, file.handle.rawValue, 1, 0, noflush)
    case .passthrough(let backing):
      // keep_cache beside passthrough is EIO: there is no cache of this file's.
      mfs_open_reply(&info, file.handle.rawValue, 0, 0, noflush)
      Worker.current?.patchNextReply(.passthrough(backing: backing))
    }
    return send(&info)
  }

  private func send(_ bytes: UnsafeRawBufferPointer) -> CInt {
    fuse_reply_buf(request, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
  }

  private func isTaken(_ result: CInt) -> Bool { result == 0 }
}

extension Entry {
  /// The entry as libfuse wants it; inode 0 is «there is no such name».
  var parameter: fuse_entry_param {
    var parameter = fuse_entry_param()
    parameter.entry_timeout = timeout
    guard let node else {
      // `.` and `..` of a READDIRPLUS have no node, but an inode and a type.
      parameter.attr = attributes.stat
      return parameter
    }
    parameter.ino = node.rawValue
    // A node's number is not used again before the kernel has forgotten it, so one generation will do.
    parameter.generation = 1
    parameter.attr = attributes.stat
    parameter.attr_timeout = attributes.timeout
    return parameter
  }
}
