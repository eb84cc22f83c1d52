import ArgumentParser
import Crypto
import Glibc
import MammoMount
import StorageCore
import Synchronization
import SystemPackage

struct Upload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Uploads a file in chunks through a mount, and completes it.")

  @Argument(help: "The file to upload.", completion: .file())
  var file: String

  @Argument(help: "The mount.", completion: .directory)
  var mount: String

  @Option(help: "Where it goes: images/user-ID/YYYY/MM/NAME, thumbnails/… or temp/processing/NAME.")
  var to: String

  @Option(parsing: .unconditional, help: "Size of a chunk.")
  var chunkSize = ByteCount(bytes: 8 << 20)

  @Option(parsing: .unconditional, help: "How many chunks are sent at a time, 1 to 64.")
  var jobs = 2

  @Flag(help: "Replace what is there.")
  var overwrite = false

  @Flag(name: .customLong("sha256"), help: "Have the digest of what arrived checked.")
  var checksDigest = false

  func validate() throws {
    guard chunkSize.bytes > 0 else { throw ValidationError("--chunk-size is at least one byte") }
    guard (1...64).contains(jobs) else { throw ValidationError("--jobs is 1 to 64, not \(jobs)") }
  }

  func run() throws {
    let isStopping = try StopSignal()
    let path = try MountPoint.resolved(self.mount)
    if let dead = MountPoint.dead(holding: path) { throw Failure.serverDied(dead) }
    guard let mount = MountPoint.at(path) else { throw Failure("no mammofs is mounted at \(self.mount)") }
    let source = try UploadSource(file)
    let upload = ChunkedUpload(
      source: source, chunkSize: chunkSize.bytes, mount: mount.path, progress: Progress(total: source.size),
      isStopping: isStopping)
    try upload.run(jobs: jobs, to: to, overwrite: overwrite, checksDigest: checksDigest)
    print("\(to)  \(ByteCount(bytes: source.size).text) in \(counted(upload.chunks, "chunk"))")
  }
}
