internal import CLinux
internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// A marker that is being written: the content of one open of `.complete`.
///
/// Each open has its own, so that two writers do not mix what they say. It is
/// kept in a staged file, so that modes, owners and times set on it are kept, too.
final class MarkerDraft: Sendable {
  let session: UploadSession
  let descriptor: SharedDescriptor
  let staged: FileName
  let credentials: Credentials
  let opener: pid_t
  /// It was written to, and perhaps closed, while an earlier server served.
  let isInherited: Bool
  /// What a later server knows of it; there once it has a handle.
  let record = Mutex<HandleRecords.Slot?>(nil)
  let state = Monitor(State())

  struct State: Sendable {
    /// What a completion was tried with, so that a further close does not try again.
    var tried: [UInt8]?
    /// And whether that is under way.
    var isTrying = false
    /// A descriptor of it was closed. Where none was, its opening has failed after all, and nobody has written a marker.
    var wasClosed = false
    /// The completion was refused, or somebody removed the marker: it is gone.
    var isDead = false
    /// Why it was refused: each close of a descriptor that is still there says so.
    var failure: StorageError?
  }

  init(
    session: UploadSession, descriptor: SharedDescriptor, staged: FileName, credentials: Credentials, opener: pid_t,
    isInherited: Bool = false
  ) {
    self.session = session
    self.descriptor = descriptor
    self.staged = staged
    self.credentials = credentials
    self.opener = opener
    self.isInherited = isInherited
  }

  /// Takes content, but no more than a marker can have.
  func write(at offset: Int64, _ bytes: UnsafeRawBufferPointer) throws -> Int {
    try changing(upTo: offset, Int64(bytes.count)) { () throws(Errno) in
      try Sys.writeAll(descriptor, at: offset, bytes)
    }
    return bytes.count
  }

  func truncate(to size: Int64) throws {
    try changing(upTo: size, 0) { () throws(Errno) in try Sys.truncate(descriptor, to: size) }
  }

  /// The corresponding C function is `fallocate`.
  func allocate(mode: Int32, offset: Int64, length: Int64) throws {
    // Space that is set aside, or given back, is no content.
    if mode & lx_FALLOC_FL_KEEP_SIZE != 0 { throw Errno.notSupported }
    try changing(upTo: offset, length) { () throws(Errno) in
      try Sys.allocate(descriptor, mode: mode, offset: offset, length: length)
    }
  }

  /// Changes the content. Of a marker of which one change failed nothing more is taken.
  private func changing(upTo offset: Int64, _ length: Int64, _ change: () throws(Errno) -> Void) throws {
    // A change that comes again, after a server that died of it or not, is refused again.
    if let failure = state.withLock({ $0.failure }) { throw failure }
    let failure: StorageError
    if offset > Int64(CompletionRequest.longestMarker) || length > Int64(CompletionRequest.longestMarker) - offset {
      failure = .badMarker("a marker holds a path or a JSON object, at most \(CompletionRequest.longestMarker) bytes")
    } else {
      do throws(Errno) {
        return try change()
      } catch .notSupported {
        // Nothing was lost by that: whoever asks goes on without.
        throw Errno.notSupported
      } catch {
        // Half a marker, or an empty one, is not what was meant.
        failure = .system(error, doing: "writing the marker")
      }
    }
    die(failure)
    session.refused(failure)
    throw failure
  }

  /// It completes nothing any more.
  ///
  /// - Parameter failure: what each later close says; `nil` where somebody removed it.
  func die(_ failure: StorageError?) {
    state.withLock { state in
      state.isDead = true
      state.failure = failure ?? state.failure
    }
    record.withLock { $0?.noteDead(failure?.errno) }
  }
}

/// The markers that are being written, by session.
final class MarkerDrafts: Sendable {
  private let drafts = Mutex<[FileName: [MarkerDraft]]>([:])

  func add(_ draft: MarkerDraft) { drafts.withLock { $0[draft.session.name, default: []].append(draft) } }

  func remove(_ draft: MarkerDraft) {
    drafts.withLock { drafts in
      drafts[draft.session.name]?.removeAll { $0 === draft }
      if drafts[draft.session.name]?.isEmpty ?? false { drafts[draft.session.name] = nil }
    }
  }

  /// The one whose attributes the marker shows.
  func newest(for session: FileName) -> MarkerDraft? {
    drafts.withLock { $0[session]?.last { !$0.state.withLock { $0.isDead } } }
  }

  func exist(for session: FileName) -> Bool { newest(for: session) != nil }

  /// How many opens of a session's marker there are.
  func count(for session: FileName) -> Int { drafts.withLock { $0[session]?.count ?? 0 } }

  /// Somebody removed the marker: what is still open of it completes nothing.
  func kill(for session: FileName) -> Bool {
    let all = drafts.withLock { $0[session] ?? [] }
    for draft in all { draft.die(nil) }
    return !all.isEmpty
  }
}
