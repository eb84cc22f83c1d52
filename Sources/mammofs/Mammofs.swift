import ArgumentParser
import CLinux
import Glibc

/// The command line.
@main
struct Mammofs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mammofs",
    abstract: "A clinic's image storage as a file system.",
    discussion: """
      Settings come from options, then the environment (STORAGE_ROOT), then .env in the working directory.
      Exit codes: 0 done, 1 refused or failed, 64 usage. Those of has-space and verify say more: see their --help.
      """,
    version: "0.1.0",
    subcommands: [
      Init.self, Mount.self, Unmount.self, Upgrade.self, Stats.self, HasSpace.self, Cleanup.self, Verify.self,
      Upload.self,
    ])

  static func main() {
    StandardStreams.open()
    // The end of a child is waited for, also where the caller has no use for that of its own.
    lx_expect_children()
    do {
      try Arguments.check()
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure where failure.code != EXIT_FAILURE {
      StandardError.write("Error: \(failure)\n")
      Glibc.exit(failure.code)
    } catch {
      exit(withError: error)
    }
  }
}
