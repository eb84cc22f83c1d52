internal import FuseKit
internal import Glibc
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// When a marker completes its session: at the close of one with content, at the
/// last close of an empty one, or by a rename onto `.complete`.
extension MountTree {
  /// A descriptor of a draft was closed.
  ///
  /// A close with another descriptor known to be there is not the end of writing: a
  /// shell closes a duplicate before it writes, a child may end before its parent
  /// writes. Then a later close decides. Where it cannot be told, a marker with
  /// content is taken at its word, and an empty one waits for its release.
  func closedMarker(_ draft: MarkerDraft, _ node: NodeID, _ caller: Caller) throws {
    draft.state.withLock { $0.wasClosed = true }
    draft.record.withLock { $0?.note(isClosing: true) }
    do {
      try closedReadable(draft, node, caller)
    } catch let error as Errno {
      // Whoever closed it hears that it was refused, and so it must not complete at its release after all.
      let refusal = StorageError.system(error, doing: "reading the marker")
      draft.die(refusal)
      draft.session.refused(refusal)
      throw refusal
    }
  }

  private func closedReadable(_ draft: MarkerDraft, _ node: NodeID, _ caller: Caller) throws {
    let (isDead, failure) = draft.state.withLock { ($0.isDead, $0.failure) }
    if let failure { throw failure }
    guard !isDead, let inode = nodes[node]?.identity.inode else { return }
    // Beside another open of the marker it cannot be told whose a descriptor is; content is taken at its word then, too.
    func isBesideAnother() throws -> Bool {
      try markers.count(for: draft.session.name) > 1 && Sys.stat(draft.descriptor).st_size > 0
    }
    if try isBesideAnother() { return try tryCompletion(draft) }
    let holders = DescriptorHolders(name: Layout.result, inode: inode)
    switch holders.ofMarker(closing: caller.process, opener: draft.opener) {
    // What was found may be another open, which has come in between.
    case .some: if try isBesideAnother() { try tryCompletion(draft) }
    case .none: try tryCompletion(draft)
    case .unknown: if try Sys.stat(draft.descriptor).st_size > 0 { try tryCompletion(draft) }
    }
  }

  /// No descriptor of a draft is left.
  func releaseMarker(_ draft: MarkerDraft, _ node: NodeID) {
    do {
      if draft.state.withLock({ $0.wasClosed && !$0.isDead }) { try tryCompletion(draft) }
    } catch {
      noteUnattended(error, "close", node)
    }
    do {
      try drop(draft)
    } catch {
      noteUnattended(error, "close", node)
    }
  }

  /// Completes the session as the draft says, unless that was tried with the same words before. While another close is
  /// trying, this one waits for what comes of it: it may be the one whose caller believes that all is done.
  private func tryCompletion(_ draft: MarkerDraft) throws {
    let content = try Sys.readAll(draft.descriptor, limit: CompletionRequest.longestMarker + 1)
    let (isNew, failure) =
      draft.state.wait(until: nil) { state, _ -> (Bool, StorageError?)? in
        guard !state.isTrying else { return nil }
        guard !state.isDead, state.tried != content else { return (false, state.failure) }
        state.tried = content
        state.isTrying = true
        return (true, nil)
      } ?? (false, nil)
    if let failure { throw failure }
    guard isNew else { return }
    defer { draft.state.change { $0.isTrying = false } }
    defer { if draft.isInherited { tellAgain(of: draft.session) } }
    // `touch` on the marker of a completed session asks for nothing, unless the disk is to be asked again.
    if content.isEmpty, let record = draft.session.record {
      let isMeant = try CompletionRequest(marker: content).isSatisfied(by: record, session: draft.session.name)
      guard isMeant, draft.session.isUnfinished else { return }
    }
    do throws(StorageError) {
      try complete(draft.session, marker: content, for: draft.credentials)
    } catch {
      draft.die(error)
      throw error
    }
    // For a later server it has done its work: the session may be gone by then, result and all, but for its folder.
    draft.record.withLock { $0?.noteDead() }
  }

  /// Tells the kernel, which remembers for long what a name led to, of a completion by an earlier server, which may have
  /// died before it did so.
  func tellAgain(of session: UploadSession) {
    guard let record = session.record, let path = try? StoragePath(parsing: record.storagePath) else { return }
    var folder = NodeID.root
    for name in path.folder {
      guard let descriptor = try? descriptor(of: folder), let stat = try? Sys.stat(name, in: descriptor),
        let child = nodes.find(FileIdentity(stat))
      else {
        // The kernel may believe that there is no such folder. One that it knows it is not to forget: somebody is in it.
        return tellAgain(of: name, in: folder)
      }
      folder = child.id
    }
    tellAgain(of: path.fileName, in: folder)
  }

  private func tellAgain(of name: FileName, in folder: NodeID) {
    guard let identity = nodes.identity(of: folder) else { return }
    changed([name], in: identity)
    settleChanges()
  }

  /// Completes a session; what refuses it is noted in its `.stats`.
  func complete(_ session: UploadSession, marker content: [UInt8], for credentials: Credentials) throws(StorageError) {
    let request: CompletionRequest
    do throws(StorageError) {
      request = try CompletionRequest(marker: content)
    } catch {
      session.refused(error)
      throw error
    }
    _ = try storage.complete(session, request, for: credentials)
  }
}
