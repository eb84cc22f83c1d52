internal import Glibc
internal import Synchronization
package import SystemPackage

/// The sessions that there are.
///
/// Folders of sessions are made and removed with the lock of `temp/uploads`, and told of here before it is let go of: so a
/// name means one session at a time.
package final class Uploads: Sendable {
  private let state = Mutex(State())

  private struct State {
    var sessions: [FileName: UploadSession] = [:]
    /// Where the sessions' data files are; there once the storage is initialized.
    var dataFolder: SharedDescriptor?
    var abilities = RootAbilities()
  }

  package init() {}

  package func session(_ name: FileName) -> UploadSession? { state.withLock { $0.sessions[name] } }

  var all: [UploadSession] { state.withLock { Array($0.sessions.values) } }

  /// The folder of a session was made.
  @discardableResult
  package func began(_ name: FileName) throws(StorageError) -> UploadSession {
    let (folder, abilities) = state.withLock { ($0.dataFolder, $0.abilities) }
    guard let folder else {
      throw .system(.badFileDescriptor, doing: "using a storage that is not initialized")
    }
    let session = UploadSession(
      name: name, data: SessionData(folder: folder, name: name, abilities: abilities), lastActivity: Clock.now())
    state.withLock { $0.sessions[name] = session }
    return session
  }

  /// Whether its name is this session's still.
  func isPresent(_ session: UploadSession) -> Bool { self.session(session.name) === session }

  /// The folder of a session is gone, and its data goes with it, unless both are another's already.
  package func ended(_ session: UploadSession) throws(Errno) {
    let wasPresent = state.withLock { state in
      guard state.sessions[session.name] === session else { return false }
      state.sessions[session.name] = nil
      return true
    }
    guard wasPresent else { return }
    session.end()
    try session.data.end()
  }

  var counts: (active: Int, completed: Int) {
    let all = all
    let completed = all.count { $0.record != nil }
    return (all.count - completed, completed)
  }

  /// Takes over the sessions that an earlier run left.
  func begin(dataFolder: SharedDescriptor, _ abilities: RootAbilities, with found: [UploadSession]) {
    state.withLock { state in
      state.abilities = abilities
      state.dataFolder = dataFolder
      for session in found { state.sessions[session.name] = session }
    }
  }
}
