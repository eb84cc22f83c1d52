internal import Glibc
internal import Synchronization
internal import SystemPackage

/// The sessions that there are.
package final class Uploads: Sendable {
  private let sessions = Mutex<[FileName: UploadSession]>([:])

  package init() {}

  package func session(_ name: FileName) -> UploadSession? { sessions.withLock { $0[name] } }

  var all: [UploadSession] { sessions.withLock { Array($0.values) } }

  /// The folder of a session was made.
  @discardableResult
  package func began(_ name: FileName) -> UploadSession {
    let session = UploadSession(name: name, chunks: [], record: nil, lastActivity: Clock.now())
    sessions.withLock { $0[name] = session }
    return session
  }

  /// The folder of a session is gone.
  package func ended(_ name: FileName) {
    sessions.withLock { $0.removeValue(forKey: name) }?.end()
  }

  var counts: (active: Int, completed: Int) {
    let all = all
    let completed = all.count { $0.record != nil }
    return (all.count - completed, completed)
  }

  /// Finds the sessions that an earlier run left.
  func load(_ root: Root) throws(StorageError) {
    do throws(Errno) {
      let folder = try root.openFolder(Layout.uploadsPath)
      for entry in try FolderStream.all(of: folder.raw) where NameRules.isSession(entry.name) {
        // A file here was planted; there is no session in it.
        guard let session = try? Self.read(entry.name, in: folder.raw) else { continue }
        sessions.withLock { $0[entry.name] = session }
      }
    } catch {
      throw .system(error, doing: "reading the sessions")
    }
  }

  private static func read(_ name: FileName, in uploads: CInt) throws(Errno) -> UploadSession {
    let folder = try Sys.openFolder(name, in: uploads)
    var chunks: [(FileName, Int64)] = []
    var record: CompletionRecord?
    var last = Int64(try Sys.stat(folder).st_mtim.tv_sec)
    for entry in try FolderStream.all(of: folder.raw) {
      let stat = try Sys.stat(entry.name, in: folder)
      last = max(last, Int64(stat.st_mtim.tv_sec))
      if entry.name == Layout.result {
        let file = try Sys.open(entry.name, in: folder, O_RDONLY)
        record = CompletionRecord(json: try Sys.readAll(file, limit: CompletionRequest.longestMarker))
      } else if stat.isRegularFile {
        chunks.append((entry.name, Int64(stat.st_size)))
      }
    }
    return UploadSession(name: name, chunks: chunks, record: record, lastActivity: last)
  }
}
