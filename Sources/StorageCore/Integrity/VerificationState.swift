internal import FoundationEssentials
internal import Glibc
package import SystemPackage

/// How far a verification is and what it found; kept in `.mammofs`, so that an interrupted one goes on.
package struct VerificationState: Codable, Equatable, Sendable {
  var version = 1
  /// What is verified, from the root on; empty for all of it.
  package var folder: String
  /// When it began, in seconds since 1970.
  package var started: Int64
  /// The last file that is done with; files are taken in the order of their names.
  package var after: String?
  /// Files whose bytes are those that were stored.
  package var verified = Tally()
  /// Files that had no digest.
  package var withoutDigest = 0
  /// Those whose digest was of an earlier content.
  package var stale = 0
  /// How many of both were given one; of a scrub, how many it had noted for one.
  package var given = 0
  /// Files that somebody was changing.
  package var changing = 0
  package var findings: [Finding] = []
  /// The file that was being read when the run was last ended.
  var interrupted: String?

  /// Something that is wrong with a file.
  package struct Finding: Codable, Equatable, Sendable {
    package let path: String
    /// A sentence.
    package let reason: String
    /// The bytes are not those that were stored; otherwise they could not be read.
    package let isDamage: Bool
    var errno: CInt
  }

  package init(folder: String, started: Int64) {
    self.folder = folder
    self.started = started
  }

  /// Whether a run can have come as far as this: what was saved may have been written by anybody, and is counted on.
  var isPossible: Bool {
    // No file system has so many files.
    let counts = 0...(1 << 48)
    return version == 1 && Clock.canBe(started) && verified.size >= 0
      && [verified.count, withoutDigest, stale, given, changing].allSatisfy(counts.contains)
  }

  package var damaged: [Finding] { findings.filter(\.isDamage) }
  package var unreadable: [Finding] { findings.filter { !$0.isDamage } }
}

/// A value that is kept as JSON in the private folder, written whole or not at all.
struct KeptState<Value: Codable> {
  let name: FileName

  /// `nil` where there is none, or none that can be understood.
  func load(from privateFolder: borrowing some DescriptorReference & ~Copyable) -> Value? {
    guard let file = try? Sys.open(name, in: privateFolder, O_RDONLY),
      let bytes = try? Sys.readAll(file, limit: 1 << 28)
    else { return nil }
    return try? JSONDecoder().decode(Value.self, from: Data(bytes))
  }

  func save(_ value: Value, in privateFolder: borrowing some DescriptorReference & ~Copyable) throws(Errno) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    guard let bytes = try? encoder.encode(value) else { throw .invalidArgument }
    let temporary = FileName("\(name).new")
    let file = try Sys.open(temporary, in: privateFolder, O_WRONLY | O_CREAT | O_TRUNC, mode: mode_t(Layout.fileMode))
    try Sys.writeAll(file, at: 0, [UInt8](bytes))
    try Sys.rename(temporary, in: privateFolder, to: name, in: privateFolder)
  }

  func remove(from privateFolder: borrowing some DescriptorReference & ~Copyable) throws(Errno) {
    do throws(Errno) {
      try Sys.unlink(name, in: privateFolder)
    } catch .noSuchFileOrDirectory {
      return
    }
  }
}

/// How far a run of `mammofs verify` is, in `.mammofs/verify.json`.
package final class KeptVerification: Sendable {
  private let folder: SharedDescriptor
  private static let kept = KeptState<VerificationState>(name: Layout.verify)

  /// `nil` where another run is under way. Held until this is let go.
  package init?(of root: Root) throws(Errno) {
    folder = SharedDescriptor(try root.openFolder([Layout.privateFolder]))
    guard try Sys.tryLock(folder) else { return nil }
  }

  /// What an interrupted run of the same folder left.
  package func load(_ path: String) -> VerificationState? {
    Self.kept.load(from: folder).flatMap { $0.folder == path && $0.isPossible ? $0 : nil }
  }

  /// On a read-only disk nothing is kept, and the next run begins anew.
  package func save(_ state: VerificationState) throws(Errno) {
    do throws(Errno) { try Self.kept.save(state, in: folder) } catch .readOnlyFileSystem {}
  }

  package func remove() throws(Errno) {
    do throws(Errno) { try Self.kept.remove(from: folder) } catch .readOnlyFileSystem {}
  }
}
