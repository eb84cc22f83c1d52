import Glibc

/// A storage root of known size and the server on it: started in the foreground, so that its process is known, and
/// stopped in both ways, asked to and killed.
struct Store {
  let binary: String
  /// Holds the storage root, the mount point and the server's log.
  let folder: String
  let files: Int
  let pids: String

  static let perUser = 10_000

  var root: String { "\(folder)/root" }
  var mountPoint: String { "\(folder)/mount" }
  var log: String { "\(folder)/log" }

  /// Empty images, ten thousand to a user, made before anything is mounted.
  func plant() throws(Failure) {
    try Paths.makeFolders(root)
    for index in 0..<files {
      if index % Self.perUser == 0 { try Paths.makeFolders("\(root)/\(Target.month(user(index)))") }
      try File(path(index, in: root), O_WRONLY | O_CREAT).close()
    }
    try Paths.makeFolders(mountPoint)
    try Disk(path: root).sync()
  }

  func path(_ index: Int, in folder: String) -> String { "\(folder)/\(Target.month(user(index)))/image-\(index).dcm" }

  private func user(_ index: Int) -> String { "\(index / Self.perUser)" }

  /// Starts the server and returns once the mount answers.
  func start() throws(Failure) -> Server {
    let server = Server(
      child: try Child([binary, "mount", "--foreground", mountPoint, "--root", root], log: log, notedIn: pids),
      store: self)
    while server.text() == nil {
      if server.child.hasEnded { throw Failure("the server has ended: \(server.child.complaint)") }
      pause(milliseconds: 1)
    }
    return server
  }
}

/// A server that runs.
struct Server {
  let child: Child
  fileprivate let store: Store

  init(child: Child, store: Store) { (self.child, self.store) = (child, store) }

  var mountPoint: String { store.mountPoint }
  var statsPath: String { "\(mountPoint)/.stats" }

  /// What `.stats` says; nil while there is no mount.
  func text() -> String? { try? Kernel.text(of: statsPath) }

  /// Waits until the figures are exact, and checks that they are.
  func waitUntilCounted() throws(Failure) {
    while let text = text() {
      guard text.contains("\"counting\"") else {
        guard text.contains("\"fileCount\": \(store.files),") else {
          throw Failure("\(statsPath) does not say \(store.files) files: \(text)")
        }
        return
      }
      pause(milliseconds: 1)
    }
    throw Failure("\(statsPath) is gone")
  }

  /// As a user unmounts: returns when everything is on disk and the server has gone.
  func unmount() throws(Failure) {
    try Child([store.binary, "unmount", mountPoint], log: store.log, notedIn: store.pids).wait()
    child.end()
  }

  /// As a crash: the mount stays behind, dead.
  func kill() { child.kill() }
}
