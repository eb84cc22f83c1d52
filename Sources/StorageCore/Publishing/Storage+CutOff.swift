internal import CLinux
internal import Glibc
internal import SystemPackage

extension Storage {
  /// Takes a file that will never be whole off its place: into the workspace, or away.
  ///
  /// The caller holds the folder's lock, and no file's.
  ///
  /// - Parameters:
  ///   - path: where it was going, for people.
  ///   - keep: whether what there is of it is worth keeping.
  package func cutOff(
    _ name: FileName, _ file: FileIdentity, in folder: FileIdentity, account: Account, path: String, keep: Bool
  ) throws(StorageError) {
    let staging = try staging
    guard let staged = pending.staged(name, in: folder) else { return }
    let failure = pending.failure(staged) ?? .ioError
    try StorageError.wrap("putting away what there is of \(path)") { () throws(Errno) in
      let stat = try Sys.stat(staged, in: staging.folder)
      defer { restore(by: staged, as: name, in: folder, account, path, after: failure) }
      // Another's, in its place.
      guard FileIdentity(stat) == file else { return }
      guard keep, stat.st_size > 0 else {
        let displaced = pending.takeDisplaced(by: staged)
        defer { pending.keep(displaced, for: staged) }
        _ = try removePending(name, in: folder, account: account, by: .cutOff)
        observer?.changed(name, in: folder)
        refusals.add(
          operation: "close", path: path, errno: failure, advice: "could not be written and was removed; send it again"
        )
        return
      }
      let advice = try sizes.holding(file) { () throws(Errno) in
        let held = SharedDescriptor(try Sys.openPath(staged, in: staging.folder))
        let size = openFiles?.openSize(file) ?? Int64(stat.st_size)
        let recovered = putIntoWorkspace(staged, in: staging.folder.raw, origin: path)
        pending.remove(name, in: folder)
        pending.forgetFailure(staged, held)
        // What it is called now it was never called by whoever has it.
        _ = observer?.unlinked(file, held, by: .cutOff)
        // Whoever removes it there is to find it booked.
        let tally = Tally(size: size, count: 1)
        ledger.record(Tally() - tally, to: account, in: nil)
        if let folder = recovered.folder { ledger.record(tally, to: .temp, in: folder) }
        return recovered.advice
      }
      observer?.changed(name, in: folder)
      refusals.add(operation: "close", path: path, errno: failure, advice: advice)
    }
  }

  /// What the file was to replace has its name again, if the file has lost it.
  private func restore(
    by staged: FileName, as name: FileName, in folder: FileIdentity, _ account: Account, _ path: String,
    after failure: Errno
  ) {
    guard pending.staged(name, in: folder) == nil, let place = try? StoragePath(parsing: path),
      restoreDisplaced(by: staged, as: name, DisplacedPlace(path: place, folder: folder, account: account))
    else { return }
    observer?.changed(name, in: folder)
    refusals.add(
      operation: "close", path: path, errno: failure,
      advice: "what was to replace it could not be written whole; it is as it was before")
  }

  /// Where that fails, as on a disk that is full to the last block, the file stays staged for the next start: half an image
  /// is not to be seen under its name.
  ///
  /// - Returns: the folder in which it is; `nil` where it stays.
  private func putIntoWorkspace(
    _ staged: FileName, in staging: CInt, origin: String
  ) -> (folder: FileIdentity?, advice: String) {
    do throws(Errno) {
      let (target, recovered) = try Recovery.moveToWorkspace(staged, in: staging, origin: origin, root: root)
      if recovered.isNew {
        // Somebody may have looked for it in vain.
        let workspace = FileIdentity(try Sys.stat(try root.openFolder(Layout.workspacePath)))
        observer?.changed(recovered.name, in: workspace)
      }
      return (
        FileIdentity(try Sys.stat(recovered.folder)), "could not be written whole; what there is of it is \(target)"
      )
    } catch {
      return (
        nil,
        "could not be written whole, and what there is of it could not be put into the workspace (\(error)); the next mount does that"
      )
    }
  }
}
