internal import CFuse
import Glibc
import SystemPackage

/// What a handler has for the kernel: one case for each form of reply.
enum Answer {
  case done
  /// The kernel waits for no answer (FORGET).
  case nothing
  case refusal(Errno)
  case entry(Entry)
  case attributes(Attributes)
  case created(Entry, OpenedFile)
  case opened(OpenedFile, of: NodeID)
  case openedDirectory(HandleID, of: NodeID)
  /// Bytes in the worker's buffer.
  case buffer(UnsafeRawBufferPointer)
  case bytes([UInt8])
  case listing(DirectoryListing)
  case written(Int)
  case position(Int64)
  case statistics(statvfs)
  /// An extended attribute, or a list of names, for a caller with `room` bytes; 0 asks for the size.
  case attribute([UInt8], room: Int)
}

/// Answers one request: calls the file system and replies, exactly once.
func answer(
  _ request: fuse_req_t?, _ handler: (any FileSystem, Caller) throws(Errno) -> Answer
) {
  guard let request, let server = Server.of(request) else { return }
  let answer: Answer
  do throws(Errno) {
    answer = try handler(server.fileSystem, Caller(request))
  } catch {
    answer = .refusal(error)
  }
  Reply(request: request, fileSystem: server.fileSystem).send(answer)
}

/// What every callback of a session leads to: libfuse's `userdata`.
final class Server: Sendable {
  let fileSystem: any FileSystem

  init(_ fileSystem: any FileSystem) { self.fileSystem = fileSystem }

  static func of(_ request: fuse_req_t) -> Server? {
    fuse_req_userdata(request).map { Unmanaged<Server>.fromOpaque($0).takeUnretainedValue() }
  }
}

extension Caller {
  init(_ request: fuse_req_t) {
    // libfuse calls on the thread that has read the request.
    let number = Worker.current?.request ?? RequestNumber(rawValue: 0)
    let worker = Worker.current?.number ?? .max
    if let context = fuse_req_ctx(request) {
      self.init(
        user: context.pointee.uid, group: context.pointee.gid, process: context.pointee.pid, request: number,
        worker: worker)
    } else {
      self.init(user: uid_t.max, group: gid_t.max, process: 0, request: number, worker: worker)
    }
  }
}
