import ArgumentParser

/// The command line.
@main
struct Mammofs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mammofs",
    abstract: "A clinic's image storage as a file system.",
    discussion: """
      Settings come from options, then the environment (STORAGE_ROOT), then .env in the working directory.
      Exit codes: 0 done, 1 refused or failed, 64 usage.
      """,
    version: "0.1.0",
    subcommands: [
      Init.self, Mount.self, Unmount.self, Upgrade.self, Stats.self, HasSpace.self, Cleanup.self, Verify.self,
      Upload.self,
    ])

  static func main() {
    StandardStreams.open()
    do { try Arguments.check() } catch { exit(withError: error) }
    main(nil)
  }
}
