internal import SystemPackage

/// What files grow and shrink by, which the kernel may bring about without anybody seeing it.
extension Namespace {
  /// Books that a file has so many bytes more. The caller is within the gate, with the file's lock.
  ///
  /// - Parameters:
  ///   - name: which leads to the file.
  ///   - account: what the file is counted under.
  package func grew(
    _ file: FileIdentity, _ name: FileName, in folder: FileIdentity?, by bytes: Int64, _ account: Account
  ) {
    guard bytes != 0 else { return }
    let isStaged = folder.map { isPending(name, in: $0) } ?? false
    storage.ledger.record(Tally(size: bytes), to: account, in: isStaged ? nil : folder, file: file)
  }

  /// The disk failed where a failure may leave what is not counted.
  package func doubtFigures() { storage.ledger.doubt() }
}
