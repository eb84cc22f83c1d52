internal import Glibc
internal import Synchronization
package import SystemPackage

/// Files that have no digest and get none, and what `mammofs verify` has to say of all.
extension Digests {
  /// Bytes free on a disk that was not full when it had no room for an attribute.
  private static let room: Int64 = 1 << 20

  /// A file has lost its last name.
  func gone(_ file: FileIdentity) {
    if hasUnfit.load(ordering: .relaxed) { queue.withLock { $0.forget(file) } }
  }

  /// Whether a file was found to have no room for one.
  package func isUnfit(_ file: FileIdentity) -> Bool {
    hasNoAttributes || queue.withLock { $0.unfit.contains(file) }
  }

  /// A file could not be given one: it is counted, and said once for all that are alike.
  func note(_ error: Errno, _ entry: DigestQueue.Entry, _ storage: Storage) {
    if error == .notSupported {
      isWithoutAttributes.store(true, ordering: .relaxed)
    } else {
      hasUnfit.store(true, ordering: .relaxed)
      queue.withLock { $0.fail(entry.file) }
    }
    let path = Layout.path(entry.path)
    if error == .noSpace, let free = try? storage.freeSpace.free(), free > Self.room {
      guard !hasToldOfRoom.exchange(true, ordering: .relaxed) else { return }
      return storage.refusals.add(
        operation: "digest", path: path, errno: error,
        advice: "the file is whole, but its other attributes leave no room for its SHA-256, and it stays without; "
          + "further ones are not told of, `unverified` in .stats counts them")
    }
    guard
      lastFailure.withLock({ last in
        defer { last = error }
        return last != error
      })
    else { return }
    storage.refusals.add(
      operation: "digest", path: path, errno: error,
      advice: error == .notSupported
        ? "the storage root's file system keeps no attributes, so that no file has its SHA-256"
        : "the file is whole, but could not be given its SHA-256; the next scrub tries again")
  }

  /// Tells that `mammofs verify` has read all of the store.
  package func verifiedWhole(started: Int64, verified: Int) {
    let now = Clock.now()
    change { $0.verifiedWhole(FoundDamage.Span(started: started, ended: now), verified: verified) }
  }

  /// As ``verifiedWhole(started:verified:)`` and ``found(_:)``, in a storage root that no server has in use.
  package static func note(_ state: VerificationState, ofWhole isWhole: Bool, in root: Root) throws(Errno) {
    let folder = SharedDescriptor(try root.openFolder([Layout.privateFolder]))
    let before = keptFindings.load(from: folder) ?? FoundDamage()
    var found = before
    let now = Clock.now()
    for finding in state.findings { found.found(finding.path, at: now) }
    if isWhole {
      found.verifiedWhole(FoundDamage.Span(started: state.started, ended: now), verified: state.verified.count)
    }
    if found.isNews(after: before) { try keptFindings.save(found, in: folder) }
  }

  /// When the last verification of the whole began that was no scrub.
  var lastWholeStart: Int64? { findings.withLock { $0.found.whole?.started } }
}
