import ArgumentParser
import Glibc
import MammoMount
import StorageCore
import SystemPackage

struct HasSpace: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "has-space", abstract: "Exits with 0 if so much fits, with 1 if not.")

  @Argument(help: "A mount or a storage root.")
  var path: String

  @Argument(help: "How much: 4096, 100M, 1.5G.")
  var size: ByteCount

  func run() throws {
    if let dead = try MountPoint.dead(holding: MountPoint.resolved(path)) { throw Failure.serverDied(dead) }
    let available: Int64
    do throws(Errno) {
      let folder = try Sys.openFile(path)
      let figures = try Sys.fileSystem(of: folder)
      available = figures.bytes(figures.f_bavail)
    } catch {
      throw Failure("cannot ask \(path) for free space: \(error)")
    }
    guard available >= size.bytes else {
      throw Failure(
        "\(size.text) does not fit: \(ByteCount(bytes: available).text) is free; delete files or use a larger disk")
    }
  }
}
