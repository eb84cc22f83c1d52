internal import FuseKit
internal import Glibc
internal import Logging
internal import StorageCore
internal import SystemPackage

/// A write that failed is told again to whoever tries once more, synchronises or closes: `.errors` has its line.
struct ToldBefore: Error {
  let errno: Errno
}

/// How a request's failure becomes an errno and, where a user needs to know more, a line in `.errors`.
extension MountTree {
  /// Runs a request.
  ///
  /// - Parameters:
  ///   - operation: the system call's name, for `.errors`.
  ///   - name: of the entry in `node`, where the request is about one.
  func answering<Result>(
    _ operation: StaticString, _ node: NodeID, _ name: EntryName? = nil, _ body: () throws -> Result
  ) throws(Errno) -> Result {
    do {
      return try body()
    } catch let error as ToldBefore {
      throw error.errno
    } catch let error as Errno {
      note(error, operation, node, name)
      throw error
    } catch let error as StorageError {
      note(error, operation, node, name)
      throw error.errno
    } catch {
      logger.error("an error that nobody expects", metadata: ["operation": "\(operation)", "error": "\(error)"])
      throw .ioError
    }
  }

  private func note(_ error: Errno, _ operation: StaticString, _ node: NodeID, _ name: EntryName?) {
    note(.system(error, doing: "the storage root refused"), operation, node, name)
  }

  private func note(_ error: StorageError, _ operation: StaticString, _ node: NodeID, _ name: EntryName?) {
    if case .system(let errno, _) = error {
      guard Self.isTrouble(errno) else { return }
      if errno == .ioError || errno == .readOnlyFileSystem { storage.namespace.doubtFigures() }
    }
    storage.refusals.add(
      operation: "\(operation)", path: path(of: node, name.map { FileName(nulTerminated: $0.nulTerminated) }),
      errno: error.errno, advice: error.advice)
  }

  /// Plain answers of a file system («no such file») need no explanation; all else is trouble from below, also what nobody
  /// has thought of: each file system has its own.
  private static func isTrouble(_ errno: Errno) -> Bool {
    switch errno {
    case .noSuchFileOrDirectory, .fileExists, .directoryNotEmpty, .notDirectory, .isDirectory,
      // Attributes, and kinds of fallocate, that are asked for and not there.
      .noData, .notSupported, .outOfRange, .argListTooLong, .noSuchAddressOrDevice,
      // Names and links that a caller gave.
      .fileNameTooLong, .tooManySymbolicLinkLevels,
      // Who asks has to ask again, or has what he asked with no more.
      .interrupted, .resourceTemporarilyUnavailable, .badFileDescriptor, .staleNFSFileHandle:
      false
    default: true
    }
  }

  /// Notes what went wrong where no caller waits for it.
  func noteUnattended(_ error: any Error, _ operation: StaticString, _ node: NodeID) {
    switch error {
    case is ToldBefore: return
    case let error as StorageError: note(error, operation, node, nil)
    case let error as Errno: note(.system(error, doing: "the storage root refused"), operation, node, nil)
    default: note(.system(.ioError, doing: "\(error)"), operation, node, nil)
    }
  }

  /// The path of a node, relative to the mount, for people.
  func path(of node: NodeID, _ name: FileName? = nil) -> String {
    var names: [FileName] = name.map { [$0] } ?? []
    var id = node
    while id != .root, let record = nodes[id], names.count < 4096 {
      names.append(record.name)
      id = record.parent
    }
    return names.isEmpty ? "/" : Layout.path(names.reversed())
  }
}
