import Glibc
import MammoMount
import StorageCore
import SystemPackage

/// Sees to files without a digest: by itself, or by the server where the root is mounted.
///
/// The server takes its time, so what it was asked for is counted when it is there, and not before.
final class DigestGiver {
  private let storage: Storage
  private let mount: MountPoint?
  private let hasher: FileHasher
  private let isCheckingOnly: Bool
  private let progress: Progress
  /// What the server was asked for and has not given yet, the oldest first.
  private var asked: [(path: [FileName], digest: Digest)] = []
  /// Digests that the server gave.
  private(set) var stored = 0
  /// Files that could not have one yet.
  private(set) var notYet = 0
  /// Those that cannot have one: nothing keeps it.
  private(set) var noRoom = 0
  /// So many are asked for at a time, which bounds what is kept here.
  private static let limit = 1000

  init(storage: Storage, mount: MountPoint?, hasher: FileHasher, isCheckingOnly: Bool, progress: Progress) {
    self.storage = storage
    self.mount = mount
    self.hasher = hasher
    self.isCheckingOnly = isCheckingOnly
    self.progress = progress
  }

  /// Whether the file has one now; `nil` where that was interrupted.
  func give(_ candidate: Verification.Candidate) throws(Errno) -> Bool? {
    let size = Int64(candidate.stat.st_size)
    guard !isCheckingOnly, !hasher.isCancelled() else {
      if candidate.sha256 == nil { progress.advance(size) }
      return hasher.isCancelled() ? nil : false
    }
    guard let mount else {
      var sha256 = candidate.sha256
      if sha256 == nil { sha256 = try hasher.sha256(of: candidate.file, size: size) }
      guard let sha256 else { return nil }
      do throws(Errno) {
        let isGiven = try storage.give(Digest(sha256: sha256, of: candidate.stat), to: candidate.file)
        if !isGiven { notYet += 1 }
        return isGiven
      } catch {
        // It was read; what cannot be is to write that down.
        noRoom += 1
        return false
      }
    }
    if candidate.sha256 == nil { progress.advance(size) }
    while !hasher.isCancelled() {
      switch ControlSocket.requestDigest(root: mount.root, of: Layout.path(candidate.path)) {
      case .given: return true
      case .waiting:
        asked.append((candidate.path, Digest(sha256: [], of: candidate.stat)))
        if asked.count >= Self.limit { settle(down: Self.limit / 2) }
        return false
      // Its queue is full, and it tells nobody when there is room again.
      case .later: usleep(100_000)
      case .notYet:
        notYet += 1
        return false
      case .noRoom:
        noRoom += 1
        return false
      case .refused, nil: return false
      }
    }
    return nil
  }

  /// Waits until no more than so many of what was asked for are to come; the rest counts as not yet where this is
  /// interrupted.
  func settle(down count: Int = 0) {
    for (path, digest) in asked.prefix(asked.count - count) {
      switch outcome(path, digest) {
      case .given: stored += 1
      case .noRoom: noRoom += 1
      case .waiting, .later, .notYet, .refused: notYet += 1
      }
    }
    asked.removeFirst(asked.count - count)
  }

  private func outcome(_ path: [FileName], _ digest: Digest) -> ControlSocket.DigestAnswer {
    guard let mount else { return .notYet }
    while !hasher.isCancelled(), isUnchanged(path, digest) {
      let answer = ControlSocket.digestState(root: mount.root, of: Layout.path(path)) ?? .notYet
      guard answer == .waiting else { return answer }
      // It gives them one after another, and tells nobody.
      usleep(50_000)
    }
    return .notYet
  }

  /// What is changed again and again would be waited for without end.
  private func isUnchanged(_ path: [FileName], _ digest: Digest) -> Bool {
    guard let folder = try? storage.root.openFolder(Array(path.dropLast())),
      let stat = try? Sys.stat(path.last ?? "", in: folder)
    else { return false }
    return Digest(sha256: [], of: stat) == digest
  }
}
