package import Glibc
package import SystemPackage

/// Reads images and thumbnails again and compares them with their digests. Nothing is changed, whatever it finds.
package struct Verification {
  /// A file without a digest.
  package struct Candidate {
    package let file: SharedDescriptor
    package let stat: stat
    package let path: [FileName]
  }

  private let root: Root
  private let hash: (SharedDescriptor, Int64) throws(Errno) -> [UInt8]?
  private let give: (Candidate) throws(Errno) -> Bool?

  /// - Parameters:
  ///   - hash: makes the SHA-256 of so many bytes of a file; `nil` ends the verification.
  ///   - give: sees to the digest of a file that has none, and says whether it did; `nil` ends the verification.
  package init(
    root: Root, hash: @escaping (SharedDescriptor, Int64) throws(Errno) -> [UInt8]?,
    give: @escaping (Candidate) throws(Errno) -> Bool?
  ) {
    self.root = root
    self.hash = hash
    self.give = give
  }

  /// Goes on from where `state` says.
  ///
  /// - Parameter step: called after each file.
  /// - Returns: whether it came to its end.
  package func run(_ state: inout VerificationState, step: (VerificationState) -> Void) -> Bool {
    let walk = ImageWalk(
      root: root, below: Self.names(state.folder), after: state.after.map(Self.names) ?? [])
    var now = state
    defer { state = now }
    return walk.run { path, error in
      now.findings.append(Self.unreadable(path, error))
    } visit: { path, folder in
      do throws(Errno) {
        guard try look(at: path, in: folder, &now) else { return false }
      } catch .noSuchFileOrDirectory {
        // Removed meanwhile.
      } catch .tooManySymbolicLinkLevels {
        // A link that somebody planted; it does not show, either.
      } catch {
        now.findings.append(Self.unreadable(path, error))
      }
      now.after = Layout.path(path)
      step(now)
      return true
    }
  }

  /// False ends the verification.
  private func look(
    at path: [FileName], in folder: SharedDescriptor, _ state: inout VerificationState
  ) throws(Errno) -> Bool {
    let file = SharedDescriptor(try Sys.openUnnoticed(path.last ?? "", in: folder))
    let stat = try Sys.stat(file)
    guard stat.isRegularFile else { return true }
    let found: Digest.State = Digest.state(try Digest.read(from: file), of: stat)
    var (expected, actual): (Digest, [UInt8]?)
    switch found {
    case .absent, .stale:
      guard let isGiven = try give(Candidate(file: file, stat: stat, path: path)) else { return false }
      if found == .absent { state.withoutDigest += 1 } else { state.stale += 1 }
      if isGiven { state.given += 1 }
      return true
    case .cut(let digest): (expected, actual) = (digest, nil)
    case .current(let digest):
      guard let sha256 = try hash(file, digest.size) else {
        state.interrupted = Layout.path(path)
        return false
      }
      (expected, actual) = (digest, sha256)
    }
    if actual == expected.sha256 {
      state.verified += Tally(size: expected.size, count: 1)
      return true
    }
    // Whoever changes a file takes its digest away before: if it is there still, nobody has.
    let after = try Sys.stat(file)
    guard Digest.state(try Digest.read(from: file), of: after) == found, after.st_size == stat.st_size else {
      state.changing += 1
      return true
    }
    state.findings.append(Self.damaged(path, expected, actual, after))
    return true
  }

  private static func damaged(
    _ path: [FileName], _ expected: Digest, _ actual: [UInt8]?, _ stat: stat
  ) -> VerificationState.Finding {
    let what =
      if let actual {
        "its bytes have SHA-256 \(Digest.text(actual)), those that were stored had \(expected.text)"
      } else {
        "it has \(stat.st_size) bytes, those that were stored were \(expected.size)"
      }
    return VerificationState.Finding(
      path: Layout.path(path), reason: "is damaged: \(what); restore it from a backup", isDamage: true,
      errno: Errno.badMessage.rawValue)
  }

  private static func unreadable(_ path: [FileName], _ error: Errno) -> VerificationState.Finding {
    VerificationState.Finding(
      path: path.isEmpty ? "/" : Layout.path(path), reason: "cannot be read: \(error.description.lowercased())",
      isDamage: false, errno: error.rawValue)
  }

  /// The names of a path that was made of such.
  private static func names(_ path: String) -> [FileName] { path.split(separator: "/").map { FileName(String($0)) } }
}

extension VerificationState.Finding {
  /// What `.errors` calls it.
  package var error: Errno { Errno(rawValue: errno) }
}
