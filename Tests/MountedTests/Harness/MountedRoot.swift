import Glibc
import Synchronization
import Testing

/// A storage root of its own and its mount, in a temporary folder.
///
/// Tests get one from ``withMount(_:sourceLocation:_:)``, which never leaves a mount behind.
final class MountedRoot: Sendable {
  /// Holds the storage root (`root`), the mount point (`mnt`) and room for what a test needs beside them.
  let folder: String
  let arguments: [String]
  private let generation = Mutex(0)

  var mountPoint: String { "\(folder)/mnt" }
  var root: String { "\(folder)/root" }
  var log: String { "\(folder)/server.log" }

  init(_ arguments: [String]) throws {
    var template = Array("/tmp/mammofs-test.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw CallFailed("mkdtemp", errno) }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.arguments = arguments
    // Other users must reach the mount.
    chmod(folder, 0o755)
    try Files.makeFolder(root)
    try Files.makeFolder(mountPoint)
  }

  /// A path in the mount.
  subscript(path: String) -> String { "\(mountPoint)/\(path)" }

  /// The same path in the storage root.
  func stored(_ path: String) -> String { "\(root)/\(path)" }

  /// A path beside the mount.
  func beside(_ name: String) -> String { "\(folder)/\(name)" }

  /// Makes images/user-7/2026/11, or what else is named.
  @discardableResult
  func month(_ path: String = "images/user-7/2026/11") throws -> String {
    try Files.makeFolders(self[path])
    return path
  }

  // MARK: Scripts

  /// `M` is the mount, `R` the storage root, `D` the folder that holds both, `B` the binary.
  func run(_ script: String, _ variables: [String: String] = [:], seconds: Int = 60) throws -> Shell.Outcome {
    let own = ["M": mountPoint, "R": root, "B": Prerequisites.binary]
    return try Shell.run(script, in: folder, environment: own.merging(variables) { $1 }, seconds: seconds)
  }

  /// Runs a script that stops at its first failure and must succeed; what it printed, without the last newline.
  ///
  /// `fails COMMAND…` is the failure of a command that must not succeed: bash does not stop at `! COMMAND`.
  @discardableResult
  func sh(
    _ script: String, _ variables: [String: String] = [:], seconds: Int = 60,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let outcome = try run(Self.preamble + script, variables, seconds: seconds)
    if outcome.status != 0 {
      Issue.record("\(script)\n\(outcome)\n\(logTail)", sourceLocation: sourceLocation)
    }
    return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output
  }

  private static let preamble = "set -eu -o pipefail\nfails() { ! \"$@\"; }\n"

  var logTail: String {
    let lines = ((try? Files.text(log)) ?? "").split(separator: "\n")
    return lines.isEmpty ? "" : "server: " + lines.suffix(20).joined(separator: "\nserver: ")
  }

  // MARK: Mounting

  var mountCommand: String {
    "\"$B\" mount \"$M\" --root \"$R\" \(arguments.map(quoted).joined(separator: " ")) 2>>\(quoted(log))"
  }

  func mount(sourceLocation: SourceLocation = #_sourceLocation) throws {
    let outcome = try run(mountCommand, seconds: 60)
    try #require(
      outcome.status == 0, "mount failed: \(outcome)\n\(logTail)", sourceLocation: sourceLocation)
    watch()
  }

  func unmount(sourceLocation: SourceLocation = #_sourceLocation) throws {
    generation.withLock { $0 += 1 }
    let outcome = try run("\"$B\" unmount \"$M\"", seconds: 60)
    #expect(outcome.status == 0, "unmount failed: \(outcome)\n\(logTail)", sourceLocation: sourceLocation)
    #expect(!isMounted, "unmount returned 0 with the mount still there", sourceLocation: sourceLocation)
  }

  func remount(sourceLocation: SourceLocation = #_sourceLocation) throws {
    try unmount(sourceLocation: sourceLocation)
    try mount(sourceLocation: sourceLocation)
  }

  /// Unmounts the disk that a test has mounted on the storage root.
  ///
  /// A process that another test is just starting has, for a moment, whatever this process had open there.
  func releaseDisk(sourceLocation: SourceLocation = #_sourceLocation) {
    let isFree = poll(seconds: 20) { (try? run("umount \"$R\"", seconds: 60))?.status == 0 }
    #expect(isFree, "the disk on the storage root cannot be unmounted", sourceLocation: sourceLocation)
  }

  /// A test that hangs in a system call can only be freed from outside: after some minutes the server goes.
  private func watch() {
    let mine = generation.withLock { $0 }
    let limit = Prerequisites.isLong ? 1800 : 300
    Watchdog.after(seconds: limit) { [weak self] in
      guard let self, self.generation.withLock({ $0 }) == mine else { return }
      Issue.record("a test took longer than \(limit) seconds; its server is stopped")
      self.killServers()
    }
  }

  /// Unmounts whatever is there, and records what would have been left behind.
  func tearDown(sourceLocation: SourceLocation) {
    if isMounted {
      let outcome = try? run("\"$B\" unmount \"$M\"", seconds: 60)
      if outcome?.status != 0 || isMounted {
        Issue.record(
          "unmount failed: \(outcome.map(String.init(describing:)) ?? "no outcome")\n\(logTail)",
          sourceLocation: sourceLocation)
      }
    }
    generation.withLock { $0 += 1 }
    var tries = 0
    while isMounted, tries < 5 {
      _ = try? Shell.run("umount -l \(quoted(mountPoint))", in: "/tmp", seconds: 20)
      tries += 1
    }
    if isMounted { Issue.record("the mount at \(mountPoint) is still there", sourceLocation: sourceLocation) }
    if !poll(seconds: 10, until: { servers.isEmpty }) {
      Issue.record("server processes are still there: \(servers)\n\(logTail)", sourceLocation: sourceLocation)
      killServers()
    }
    if !isMounted { _ = try? Shell.run("rm -rf -- \(quoted(folder))", in: "/tmp", seconds: 60) }
  }
}

/// Mounts a new storage root, runs the body, and unmounts whatever happens.
///
/// - Parameter arguments: further arguments of `mammofs mount`.
func withMount(
  _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: (MountedRoot) throws -> Void
) throws {
  let mounted = try MountedRoot(arguments)
  defer { mounted.tearDown(sourceLocation: sourceLocation) }
  try mounted.mount(sourceLocation: sourceLocation)
  try body(mounted)
}

/// As ``withMount(_:sourceLocation:_:)``, but the test mounts by itself, after preparing the bare storage root.
func withoutMount(
  _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: (MountedRoot) throws -> Void
) throws {
  let mounted = try MountedRoot(arguments)
  defer { mounted.tearDown(sourceLocation: sourceLocation) }
  try body(mounted)
}
