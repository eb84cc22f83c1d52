import ArgumentParser
import MammoMount
import StorageCore
import SystemPackage

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Reads images and thumbnails again and compares them with their digests.",
    discussion: """
      Nothing is changed, but that files without a digest are given one. An interrupted run goes on where it stopped; \
      how far it is is kept in .mammofs/verify.json in the storage root. Exit code 1 if anything is damaged or cannot \
      be read.
      """)

  @Argument(help: "A mount, a storage root, or a folder or file in one of them.")
  var path: String

  @Flag(help: "Give no digest to files that have none.")
  var checkOnly = false

  @Flag(help: "Begin anew where an earlier run was interrupted.")
  var restart = false

  @Flag(help: "Report as JSON.")
  var json = false

  func run() throws {
    let isStopping = StopSignal()
    let target = try VerificationTarget(path)
    let report: VerificationReport
    if target.mount != nil {
      report = try verify(try Storage(path: target.root), target, isStopping)
    } else {
      report = try Target.withStorage(target.root, onlyToRead: checkOnly) { try verify($0, target, isStopping) }
    }
    print(json ? report.json : report.text, terminator: "")
    if let failure = report.failure { throw Failure(failure) }
  }

  private func verify(
    _ storage: Storage, _ target: VerificationTarget, _ isStopping: StopSignal
  ) throws -> VerificationReport {
    let kept: KeptVerification?
    do throws(Errno) {
      kept = try KeptVerification(of: storage.root)
    } catch {
      throw Failure(
        "cannot keep track of the verification in \(target.root)/.mammofs: \(error)"
          + (error == .permissionDenied ? "; verify as the user who mounts it, or as root" : ""))
    }
    guard let kept else { throw Failure("another verification of \(target.root) is under way; wait for it to end") }
    var state =
      (restart ? nil : kept.load(target.folder)) ?? VerificationState(folder: target.folder, started: Clock.now())
    if state.after != nil {
      StandardError.write(
        "mammofs: going on with the verification that began at \(Clock.timestamp(at: state.started))\n")
    }
    let progress = Progress(total: target.size(in: storage.root, after: state.after))
    let hasher = FileHasher(isCancelled: { isStopping.isSet }, advanced: { progress.advance($0) })
    let giver = DigestGiver(
      storage: storage, mount: target.mount, hasher: hasher, isCheckingOnly: checkOnly, progress: progress)
    let verification = Verification(root: storage.root) { file, size throws(Errno) in
      try hasher.sha256(of: file, size: size)
    } give: { candidate throws(Errno) in
      try giver.give(candidate)
    }
    var saved = Clock.monotonic()
    var failure: Errno?
    var told = state.findings.count
    let isDone = verification.run(&state) { state in
      tell(state.findings[told...], target)
      told = state.findings.count
      guard Clock.monotonic() - saved > 1_000_000_000 else { return }
      saved = Clock.monotonic()
      do throws(Errno) { try kept.save(state) } catch { failure = error }
    }
    tell(state.findings[told...], target)
    giver.settle()
    state.given += giver.stored
    progress.finish()
    do throws(Errno) {
      if isDone { try kept.remove() } else { try kept.save(state) }
    } catch {
      failure = error
    }
    if let failure { StandardError.write("mammofs: how far it is could not be kept: \(failure)\n") }
    return VerificationReport(state: state, isDone: isDone, isGiving: !checkOnly, notYet: giver.notYet)
  }

  /// Has a mount show damage in `.errors` and count it in `.stats`.
  private func tell(_ findings: ArraySlice<VerificationState.Finding>, _ target: VerificationTarget) {
    guard let mount = target.mount else { return }
    for finding in findings where !ControlSocket.tell(root: mount.root, finding) {
      StandardError.write("mammofs: the server of \(mount.path) took no note of \(finding.path)\n")
    }
  }
}
