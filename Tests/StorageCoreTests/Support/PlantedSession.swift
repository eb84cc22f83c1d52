import Glibc
import SystemPackage

@testable import StorageCore

extension UploadSession {
  /// A session as an earlier run may have left it, without a folder.
  static func planted(
    _ chunks: [(FileName, Int64)] = [], record: CompletionRecord? = nil, lastActivity: Int64 = 0
  ) throws -> UploadSession {
    let folder = SharedDescriptor(try Sys.openFile("/tmp"))
    let session = UploadSession(
      name: "S", data: SessionData(folder: folder, name: "S", abilities: RootAbilities()), lastActivity: lastActivity)
    try session.restore(chunks: chunks.map { ChunkSet.Chunk(name: $0.0, size: $0.1) }, record: record)
    return session
  }
}
