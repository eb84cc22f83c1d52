package import Glibc
package import SystemPackage

/// Reads images and thumbnails again and compares them with their digests. Nothing is changed, whatever it finds.
package struct Verification {
  /// A file without a digest.
  package struct Candidate {
    package let file: SharedDescriptor
    package let stat: stat
    package let path: [FileName]
    /// Of its bytes, where they were read already.
    package let sha256: [UInt8]?
  }

  private let root: Root
  private let hash: (SharedDescriptor, Int64) throws(Errno) -> [UInt8]?
  private let give: (Candidate) throws(Errno) -> Bool?
  private let checksums: (any Checksums)?

  /// - Parameters:
  ///   - hash: makes the SHA-256 of so many bytes of a file; `nil` ends the verification.
  ///   - give: sees to the digest of a file that has none, and says whether it did; `nil` ends the verification.
  ///   - checksums: takes or compares what was read of each file.
  package init(
    root: Root, hash: @escaping (SharedDescriptor, Int64) throws(Errno) -> [UInt8]?,
    give: @escaping (Candidate) throws(Errno) -> Bool?, checksums: (any Checksums)? = nil
  ) {
    self.root = root
    self.hash = hash
    self.give = give
    self.checksums = checksums
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
    checksums?.came(by: path)
    switch found {
    case .absent, .stale:
      var sha256: [UInt8]?
      if let checksums {
        sha256 = try hash(file, Int64(stat.st_size))
        guard let sha256 else { return false }
        guard Digest(sha256: [], of: try Sys.stat(file)) == Digest(sha256: [], of: stat) else {
          state.changing += 1
          return true
        }
        // Given a digest, it would pass for whole from now on.
        guard checksums.take(sha256, of: path) else {
          if found == .absent { state.withoutDigest += 1 } else { state.stale += 1 }
          return true
        }
      }
      guard let isGiven = try give(Candidate(file: file, stat: stat, path: path, sha256: sha256)) else { return false }
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
    if let actual, actual == expected.sha256 {
      _ = checksums?.take(actual, of: path)
      state.verified += Tally(size: expected.size, count: 1)
      return true
    }
    // Whoever changes a file takes its digest away before: if it is there still, nobody has.
    let after = try Sys.stat(file)
    guard Digest.state(try Digest.read(from: file), of: after) == found, after.st_size == stat.st_size else {
      state.changing += 1
      return true
    }
    checksums?.take(damaged: expected.sha256, of: path)
    state.findings.append(Self.damaged(path, expected, actual, after))
    return true
  }

  /// Something that has to do with the checksums of all files, in the order of the walk.
  package protocol Checksums: AnyObject {
    /// A file is there.
    func came(by path: [FileName])
    /// What its bytes have; false where they should have another.
    func take(_ sha256: [UInt8], of path: [FileName]) -> Bool
    /// What its bytes had when it was stored.
    func take(damaged sha256: [UInt8], of path: [FileName])
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
