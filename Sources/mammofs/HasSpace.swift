import ArgumentParser
import Glibc
import MammoMount
import StorageCore
import SystemPackage

struct HasSpace: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "has-space", abstract: "Exits with 0 if so much fits, with 1 if not.",
    discussion: """
      Exit code 2 if that cannot be said: PATH is neither a mount nor a storage root, nor in one, or does not answer.
      """)

  @Argument(help: "A mount or a storage root, or something in one.", completion: .directory)
  var path: String

  @Argument(help: "How much: 4096, 100M, 1.5G.")
  var size: ByteCount

  func run() throws {
    let free = try Failure.beforeAnswering { try available() }
    guard free >= size.bytes else {
      throw Failure(
        "\(size.text) does not fit: \(ByteCount(bytes: free).text) is free; delete files or use a larger disk")
    }
  }

  /// Bytes that are free. Of a folder that is neither mount nor store it would be those of another disk: most often, that
  /// of a mount point with nothing mounted.
  private func available() throws -> Int64 {
    let resolved = try MountPoint.resolved(path)
    if let dead = MountPoint.dead(holding: resolved) { throw Failure.serverDied(dead) }
    let isMounted = MountPoint.all().contains { MountPoint.isPath(resolved, in: $0.path) }
    if !isMounted { _ = try Target.root(holding: resolved, path) }
    return try Failure.explaining("ask \(path) for free space") { () throws(Errno) -> Int64 in
      let figures = try Sys.fileSystem(of: Sys.openFile(path))
      return figures.isReadOnly ? 0 : figures.bytes(figures.f_bavail)
    }
  }
}
