public import SystemPackage

/// Why the storage said no: what happened, the errno it maps to, and what to do about it.
///
/// This is the one table of refusals: case, errno (``errno``) and sentence (``advice``).
public enum StorageError: Error, Hashable, Sendable {
  // Names
  case nameTooLong(length: Int)
  case notUTF8(String)
  case badName(String, rule: String)

  // The tree
  case notHere(String, rule: String)
  case crossesPlaces(rule: String)
  case readOnly(String)
  case denied(String)
  /// A chunk of an upload.
  case notYours(String)
  /// A write to it had failed so.
  case notWhole(Errno)
  case reserved(String)
  /// A call was asked for more than there is.
  case badFlags(String, rule: String)

  // Chunked uploads
  case chunkSpelledTwice(String, present: String)
  case chunksMissing(String)
  case wrongSize(expected: Int64, actual: Int64)
  case wrongDigest(expected: String, actual: String)
  case targetExists(String)
  /// Somebody is writing a new file of that name.
  case targetOpen(String)
  case chunkOpen(String)
  case completing(String)
  case completed(String)
  case badMarker(String)
  case badTarget(String)
  /// By a server that has ended, which alone knew why.
  case refusedBefore(Errno)

  // The storage as a whole
  case inUse(String)
  case notAStorageRoot(String)
  /// Nothing can be changed in it.
  case readOnlyRoot(String)
  /// Its file system lacks what nothing can take the place of.
  case unfit(String, String)
  /// The storage root's file system has no `RENAME_EXCHANGE`.
  case cannotExchange(String)
  /// Bytes that are kept back.
  case reserveReached(kept: Int64)
  /// Bytes that were to be kept back, and of the whole disk.
  case reserveTooLarge(asked: Int64, size: Int64)

  /// A system call failed while the storage was doing what `doing` says.
  case system(Errno, doing: String)

  /// What a system call returns for this refusal.
  public var errno: Errno {
    switch self {
    case .nameTooLong: .fileNameTooLong
    case .notUTF8: .illegalByteSequence
    case .badName: .invalidArgument
    case .notHere: .notPermitted
    case .crossesPlaces: .improperLink
    case .readOnly, .denied, .notYours: .permissionDenied
    case .notWhole(let errno): errno
    case .reserved: .notPermitted
    case .chunkSpelledTwice: .fileExists
    case .chunksMissing: .noData
    case .wrongSize, .wrongDigest: .badMessage
    case .targetExists, .targetOpen: .fileExists
    case .chunkOpen, .completing: .resourceBusy
    case .completed: .notPermitted
    case .badMarker, .badTarget: .invalidArgument
    case .refusedBefore(let errno): errno
    case .inUse: .resourceBusy
    case .notAStorageRoot: .noSuchFileOrDirectory
    case .badFlags: .invalidArgument
    case .readOnlyRoot: .readOnlyFileSystem
    case .unfit: .notSupported
    case .cannotExchange: .invalidArgument
    case .reserveReached, .reserveTooLarge: .noSpace
    case .system(let errno, _): errno
    }
  }

  /// A sentence for people: what is wrong and what to do.
  public var advice: String {
    switch self {
    case .nameTooLong(let length): "a name has at most 255 bytes, this one has \(length)"
    case .notUTF8(let name): "'\(name)' is not valid UTF-8; rename the file"
    case .badName(_, let rule): rule
    case .notHere(_, let rule): rule
    case .crossesPlaces(let rule): rule
    case .readOnly(let name): "\(name) is made by the file system and can only be read"
    case .denied(let path): "you may not write \(path): the permissions of the folders on the way do not allow it"
    case .notYours(let chunk):
      "you may not read \(chunk), or not take it away; have its owner complete the session, or let you do both"
    case .notWhole: "a write to the file has failed, so it is not whole; write it anew, or move it into temp/processing"
    case .reserved(let name): "\(name) belongs to the file system and cannot be changed"
    case .chunkSpelledTwice(let name, let present):
      "\(name) is the same chunk as \(present), which is there; write \(present) to replace it"
    case .chunksMissing(let what): what
    case .wrongSize(let expected, let actual):
      "the chunks hold \(actual) bytes, the marker says \(expected); send the chunk that is short again"
    case .wrongDigest(let expected, let actual):
      "the chunks have SHA-256 \(actual), the marker says \(expected); send the damaged chunk again"
    case .targetExists(let path): "\(path) exists; choose another name or say \"overwrite\": true in the marker"
    case .targetOpen(let path): "somebody is writing \(path); wait for that to end, and write the marker again"
    case .chunkOpen(let name): "\(name) is still open for writing; close it and write the marker again"
    case .completing(let path): "the session is being completed as \(path); wait for that to end"
    case .completed(let path): "the session is complete as \(path); use a new session"
    case .badMarker(let what): what
    case .badTarget(let what): what
    case .refusedBefore:
      "the marker was refused, and the server that knew why has ended; write the marker again to be told"
    case .inUse(let by): "the storage root is in use by \(by)"
    case .notAStorageRoot(let path): "\(path) is not a storage root"
    case .badFlags(let call, let rule): "\(call) cannot be had so: \(rule)"
    case .readOnlyRoot(let path):
      "the file system of the storage root \(path) is read-only; mount it with -o ro, verify it with --check-only, or make it writable"
    case .unfit(let path, let lack):
      "the file system of \(path) cannot hold a storage root: \(lack); choose a folder of another file system"
    case .cannotExchange(let name):
      "the storage root's file system cannot exchange two names (RENAME_EXCHANGE); rename \(name) and the other one after the other"
    case .reserveReached(let kept):
      "the last \(kept) bytes of the disk are kept for deleting and for completing uploads; free some space, or lower --min-free"
    case .reserveTooLarge(let asked, let size):
      "--min-free \(asked) is not less than the \(size) bytes of the disk; nothing could ever be written"
    case .system(let errno, let doing): "\(doing): \(errno.description.lowercased())\(StorageError.hint(for: errno))"
    }
  }

  /// What a user can do about an errno from below.
  private static func hint(for errno: Errno) -> String {
    switch errno {
    case .noSpace: "; free space in the storage root's file system"
    case .diskQuotaExceeded: "; the quota on the storage root's file system is used up"
    case .ioError: "; look at the kernel log for the disk"
    case .readOnlyFileSystem: "; the storage root's file system is mounted read-only"
    case .improperLink: "; the storage root has to lie in one file system, in one project or quota of it"
    case .invalidArgument: "; the storage root's file system may not know this call: see the log of the mount"
    case .socketNotConnected, .socketShutdown, .hostIsDown, .timedOut:
      "; the storage root's file system is cut off from its server: see the kernel log, and mount it anew"
    default: ""
    }
  }
}

extension StorageError: CustomStringConvertible {
  public var description: String { advice }
}

extension StorageError {
  /// Runs system calls and says, where one fails, what was being done.
  package static func wrap<Result: ~Copyable>(
    _ doing: @autoclosure () -> String, _ body: () throws(Errno) -> Result
  ) throws(StorageError) -> Result {
    do {
      return try body()
    } catch {
      throw .system(error, doing: doing())
    }
  }
}
