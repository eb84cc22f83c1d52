import ArgumentParser
import MammoMount
import StorageCore
import SystemPackage

struct Cleanup: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Deletes idle temporary files and upload sessions now.")

  @Argument(help: "A mount or a storage root.", completion: .directory)
  var path: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What was idle for so long goes; 0 is all that nobody has open.", valueName: "hours"))
  var olderThan = Span(24)

  @Flag(help: "Only count what would go.")
  var dryRun = false

  func validate() throws {
    try olderThan.check("--older-than", "hours", zero: "all that nobody has open")
  }

  func run() throws {
    let age = olderThan.seconds(of: 3600)
    let report: CleanupReport
    switch try Target(path) {
    case .mount(let mount):
      guard let answer = try ControlSocket.cleanup(root: mount.root, olderThan: age, dryRun: dryRun) else {
        if (try? Sys.fileSystem(of: Sys.openFile(mount.path)))?.isReadOnly ?? false {
          throw Failure("\(mount.path) is mounted read-only; nothing is cleaned up below it")
        }
        throw Failure.unanswered(mount, to: "have it cleaned up")
      }
      report = answer
    case .root(let root):
      report = try Target.withStorage(root, onlyToRead: dryRun) { $0.cleanupTempFiles(olderThan: age, dryRun: dryRun) }
    }
    let files = counted(Int64(report.deleted), "file")
    print("\(files) \(dryRun ? "would be " : "")deleted, \(ByteCount(bytes: report.bytes).text)")
    for failure in report.failures { StandardError.write("mammofs: \(failure)\n") }
    guard report.failures.isEmpty else { throw Failure("\(report.failures.count) could not be deleted") }
  }
}
