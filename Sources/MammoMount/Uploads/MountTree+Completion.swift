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
  /// A close with another descriptor still there is not the end of writing: a
  /// shell closes a duplicate before it writes, a child may end before its parent
  /// writes. Then a later close, or the release, decides.
  func closedMarker(_ draft: MarkerDraft, _ caller: Caller) throws {
    guard !draft.state.withLock({ $0.isDead }) else { return }
    let holders = DescriptorHolders(name: Layout.result)
    guard let found = holders.amongAll(closing: caller.process) else { return }
    // Other opens have descriptors of their own.
    guard found <= max(0, otherOpens(than: draft)) else { return }
    try tryCompletion(draft, isLastClose: true)
  }

  private func otherOpens(than draft: MarkerDraft) -> Int { markers.count(for: draft.session.name) - 1 }

  /// No descriptor of a draft is left.
  func releaseMarker(_ draft: MarkerDraft, _ node: NodeID) {
    do {
      try tryCompletion(draft, isLastClose: true)
    } catch {
      noteUnattended(error, "close", node)
    }
    do {
      try drop(draft)
    } catch {
      noteUnattended(error, "close", node)
    }
  }

  /// Completes the session as the draft says, unless that was tried with the same words before.
  private func tryCompletion(_ draft: MarkerDraft, isLastClose: Bool) throws {
    let content = try Sys.readAll(draft.descriptor, limit: CompletionRequest.longestMarker + 1)
    let isNew = draft.state.withLock { state in
      guard !state.isDead, state.tried != content else { return false }
      state.tried = content
      return true
    }
    guard isNew else { return }
    // `touch` on the marker of a completed session asks for nothing.
    if content.isEmpty, draft.session.record != nil { return }
    do {
      try complete(draft.session, marker: content, owner: draft.owner)
    } catch {
      draft.state.withLock { $0.isDead = true }
      throw error
    }
  }

  /// Completes a session; what refuses it is noted in its `.stats`.
  func complete(_ session: UploadSession, marker content: [UInt8], owner: Owner) throws(StorageError) {
    let request: CompletionRequest
    do throws(StorageError) {
      request = try CompletionRequest(marker: content)
    } catch {
      session.refused(error)
      throw error
    }
    _ = try storage.complete(session, request, owner: owner)
  }
}
