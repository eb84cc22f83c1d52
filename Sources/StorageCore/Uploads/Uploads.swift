internal import Glibc
internal import Synchronization
package import SystemPackage

/// The sessions that there are.
package final class Uploads: Sendable {
  private let state = Mutex(State())

  private struct State {
    var sessions: [FileName: UploadSession] = [:]
    /// Where the sessions' data files are; there once the storage is initialized.
    var dataFolder: SharedDescriptor?
  }

  package init() {}

  package func session(_ name: FileName) -> UploadSession? { state.withLock { $0.sessions[name] } }

  var all: [UploadSession] { state.withLock { Array($0.sessions.values) } }

  /// The folder of a session was made.
  @discardableResult
  package func began(_ name: FileName) throws(StorageError) -> UploadSession {
    guard let folder = state.withLock({ $0.dataFolder }) else {
      throw .system(.badFileDescriptor, doing: "using a storage that is not initialized")
    }
    let session = UploadSession(
      name: name, data: SessionData(folder: folder, name: name), lastActivity: Clock.now())
    state.withLock { $0.sessions[name] = session }
    return session
  }

  /// The folder of a session is gone, and its data goes with it.
  package func ended(_ name: FileName) throws(Errno) {
    guard let session = state.withLock({ $0.sessions.removeValue(forKey: name) }) else { return }
    session.end()
    try session.data.remove()
  }

  var counts: (active: Int, completed: Int) {
    let all = all
    let completed = all.count { $0.record != nil }
    return (all.count - completed, completed)
  }

  /// Takes over the sessions that an earlier run left.
  func begin(dataFolder: SharedDescriptor, with found: [UploadSession]) {
    state.withLock { state in
      state.dataFolder = dataFolder
      for session in found { state.sessions[session.name] = session }
    }
  }
}
