import ArgumentParser
import MammoMount
import StorageCore
import SystemPackage

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Reads images and thumbnails again and compares them with their digests.",
    discussion: """
      Nothing is changed, but that files without a digest are given one. An interrupted run goes on where it stopped; \
      how far it is is kept in .mammofs/verify.json in the storage root. With --export or --against it begins anew. The \
      paths in those files are those below the mount or storage root, so that `sha256sum -c` takes them there. Exit \
      codes: 0 nothing is damaged, 1 something is, or differs from what --against says, 2 neither was found, but not all \
      could be read: the disk refused, the run was interrupted, or PATH is no mount or storage root, nor in one. A file \
      that has no digest yet is counted, and is no failure.
      """)

  @Argument(help: "A mount, a storage root, or a folder or file in one of them.", completion: .file())
  var path: String

  @Flag(help: "Give no digest to files that have none.")
  var checkOnly = false

  @Flag(help: "Begin anew where an earlier run was interrupted.")
  var restart = false

  @Option(help: ArgumentHelp("Write the SHA-256 of each file as sha256sum does.", valueName: "file"))
  var export: String?

  @Option(help: ArgumentHelp("Compare with what sha256sum or --export wrote.", valueName: "file"))
  var against: String?

  @Flag(help: "Report as JSON.")
  var json = false

  func validate() throws {
    for (option, file) in [("--export", export), ("--against", against)] where file == "-" {
      throw ValidationError("\(option) is a file; for one that is called - say ./-")
    }
  }

  func run() throws {
    let report = try Failure.beforeAnswering {
      let isStopping = try StopSignal()
      let target = try VerificationTarget(path)
      if target.mount != nil { return try verify(try Storage(path: target.root), target, isStopping) }
      return try Target.withStorage(target.root, onlyToRead: checkOnly) { try verify($0, target, isStopping) }
    }
    print(json ? report.json : report.text, terminator: "")
    if let failure = report.failure { throw failure }
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
    // What an earlier run has passed is in no list.
    let checksums = try checksums(target)
    var isWritten = false
    defer { if !isWritten { checksums?.export?.abandon() } }
    let before = restart || checksums != nil ? nil : kept.load(target.folder)
    var state = before ?? VerificationState(folder: target.folder, started: Clock.now())
    if state.after != nil {
      StandardError.write(
        "mammofs: going on with the verification that began at \(Clock.timestamp(at: state.started))\n")
    }
    let progress = Progress(total: target.size(in: storage.root, after: state.after))
    let hasher = FileHasher(isCancelled: { isStopping.isSet }, advanced: { progress.advance($0) })
    let giver = DigestGiver(
      storage: storage, mount: target.mount, hasher: hasher, isCheckingOnly: checkOnly, progress: progress)
    let verification = Verification(
      root: storage.root, hash: { file, size throws(Errno) in try hasher.sha256(of: file, size: size) },
      give: { candidate throws(Errno) in try giver.give(candidate) }, checksums: checksums)
    var saved = Clock.monotonic()
    var failure: Errno?
    var told = state.findings.count
    let isDone = verification.run(&state) { state in
      tell(state.findings[told...], target)
      told = state.findings.count
      guard checksums == nil, Clock.monotonic() - saved > 1_000_000_000 else { return }
      saved = Clock.monotonic()
      do throws(Errno) { try kept.save(state) } catch { failure = error }
    }
    tell(state.findings[told...], target)
    giver.settle()
    state.given += giver.stored
    progress.finish()
    do throws(Errno) {
      if isDone { try kept.remove() } else if checksums == nil { try kept.save(state) }
    } catch {
      failure = error
    }
    if let failure { StandardError.write("mammofs: how far it is could not be kept: \(failure)\n") }
    if isDone {
      checksums?.comparison?.finish()
      try checksums?.export?.finish()
      isWritten = true
    }
    tellEnd(state, target, storage, isDone: isDone)
    return VerificationReport(
      state: state, isDone: isDone, isGiving: !checkOnly, notYet: giver.notYet, noRoom: giver.noRoom,
      comparison: checksums?.comparison)
  }

  private func checksums(_ target: VerificationTarget) throws -> ChecksumUse? {
    guard export != nil || against != nil else { return nil }
    let comparison = try against.map { try ChecksumComparison($0, below: target.names) }
    return ChecksumUse(export: try export.map { try ChecksumExport($0) }, comparison: comparison)
  }

  /// Has the figures of the store show what was found, and when all of it was read.
  private func tellEnd(_ state: VerificationState, _ target: VerificationTarget, _ storage: Storage, isDone: Bool) {
    let isWhole =
      isDone && target.names.isEmpty && state.unreadable.isEmpty
      && (!checkOnly || state.withoutDigest + state.stale == 0)
    guard let mount = target.mount else {
      do throws(Errno) {
        try Digests.note(state, ofWhole: isWhole, in: storage.root)
      } catch {
        StandardError.write("mammofs: what was found could not be kept for the figures: \(error)\n")
      }
      return
    }
    // An older server, or one that mounts read-only, keeps no such figure.
    if isWhole { _ = ControlSocket.tellWhole(root: mount.root, state) }
  }

  /// Has a mount show damage in `.errors` and count it in `.stats`.
  private func tell(_ findings: ArraySlice<VerificationState.Finding>, _ target: VerificationTarget) {
    guard let mount = target.mount else { return }
    for finding in findings where !ControlSocket.tell(root: mount.root, finding) {
      StandardError.write("mammofs: the server of \(mount.path) took no note of \(finding.path)\n")
    }
  }
}
