internal import CLinux
internal import Glibc
internal import Synchronization
internal import SystemPackage

/// The file that a session's chunks are written into, and that becomes the image.
///
/// It is made when the first chunk gets a place, in the private folder, under the session's name.
final class SessionData: Sendable {
  let folder: SharedDescriptor
  let name: FileName
  /// Of the file system.
  let abilities: RootAbilities
  private let state = Mutex(State())

  private struct State {
    /// Open as long as somebody reads a chunk: there may be more sessions than descriptors.
    weak var file: SharedDescriptor?
    /// The same, once something was written to it, so that an error of the disk is told to whoever synchronises it; and
    /// while a completion has it, which takes its name away.
    var kept: SharedDescriptor?
    /// There is one, open or not.
    var isThere = false
    /// A completion is using it, or it is the image already: nothing of it may be taken away.
    var isSealed = false
    var canPlace = true
    /// The session has gone: a file made now would be found by another of its name.
    var isGone = false
  }

  /// - Parameter folder: where data files are.
  init(folder: SharedDescriptor, name: FileName, abilities: RootAbilities) {
    self.abilities = abilities
    self.folder = folder
    self.name = name
  }

  /// The file, made where it is missing.
  func file() throws(Errno) -> SharedDescriptor {
    try state.withLock { state throws(Errno) in
      if let file = try open(&state) {
        state.kept = file
        return file
      }
      guard !state.isGone else { throw .noSuchFileOrDirectory }
      let file = SharedDescriptor(
        try Sys.openOwn(name, in: folder, O_RDWR | O_CREAT, mode: mode_t(Layout.fileMode)))
      do throws(Errno) {
        // A place that is given again has to be a hole first.
        if try Sys.stat(file).st_size == 0 {
          try Sys.allocate(file, mode: lx_FALLOC_FL_PUNCH_HOLE | lx_FALLOC_FL_KEEP_SIZE, offset: 0, length: 1)
        }
      } catch .notSupported {
        try Sys.unlink(name, in: folder)
        throw .notSupported
      }
      state.file = file
      state.kept = file
      state.isThere = true
      return file
    }
  }

  /// Something is about to be written to it.
  func keep(_ file: SharedDescriptor) { state.withLock { $0.kept = file } }

  /// The file, if there is one.
  func existing() throws(Errno) -> SharedDescriptor? {
    try state.withLock { state throws(Errno) in try open(&state) }
  }

  private func open(_ state: inout State) throws(Errno) -> SharedDescriptor? {
    if let file = state.file { return file }
    guard state.isThere else { return nil }
    let file = try openThere()
    state.file = file
    return file
  }

  private func openThere() throws(Errno) -> SharedDescriptor {
    do throws(Errno) {
      return SharedDescriptor(try Sys.open(name, in: folder, O_RDWR))
    } catch .permissionDenied {
      // A completion that was refused, or cut off, had given it the mode of its chunks.
      try Sys.chmod(SharedDescriptor(try Sys.openPath(name, in: folder)), mode_t(Layout.fileMode))
      return SharedDescriptor(try Sys.open(name, in: folder, O_RDWR))
    } catch .readOnlyFileSystem {
      return SharedDescriptor(try Sys.open(name, in: folder, O_RDONLY))
    }
  }

  /// Whether chunks can be placed: the file system has attributes to note where they are.
  var canPlace: Bool { state.withLock { $0.canPlace && !$0.isSealed && !$0.isGone } }

  /// Placing did not work for a reason that will not go away.
  func noteFailure(_ error: Errno) {
    guard error == .notSupported else { return }
    state.withLock { $0.canPlace = false }
  }

  /// Makes a hole; false where a completion is using the file.
  func punch(_ range: Range<Int64>) throws(Errno) -> Bool {
    try state.withLock { state throws(Errno) in
      guard !state.isSealed, let file = try open(&state) else { return false }
      do throws(Errno) {
        try Sys.punch(file, offset: range.lowerBound, length: range.upperBound - range.lowerBound)
      } catch .fileTooLarge {
        // It goes further than any file; this one has nothing behind its end.
        let end = Int64(try Sys.stat(file).st_size)
        if end > range.lowerBound { try Sys.punch(file, offset: range.lowerBound, length: end - range.lowerBound) }
      }
      return true
    }
  }

  /// From now on nothing of the file is taken away.
  func seal() throws(Errno) {
    try state.withLock { state throws(Errno) in
      state.kept = try open(&state)
      state.isSealed = true
    }
  }

  /// Whether a completion is using it, or has used it.
  var isSealed: Bool { state.withLock { $0.isSealed } }

  /// The completion was given up.
  func unseal() { state.withLock { $0.isSealed = false } }

  /// The session is gone, and what it received with it.
  func end() throws(Errno) {
    state.withLock { $0.isGone = true }
    try remove()
  }

  /// Nobody needs what was received any more.
  func remove() throws(Errno) {
    let isThere = state.withLock { state in
      defer {
        state.file = nil
        state.kept = nil
        state.isThere = false
      }
      return state.isThere
    }
    guard isThere else { return }
    do throws(Errno) { try Sys.unlink(name, in: folder) } catch .noSuchFileOrDirectory { return }
  }

  // MARK: After an earlier run

  /// Opens the file that an earlier run left; `nil` where there is none.
  func reopen() throws(Errno) -> SharedDescriptor? {
    do throws(Errno) {
      let file = try openThere()
      state.withLock { state in
        state.file = file
        state.isThere = true
      }
      return file
    } catch .noSuchFileOrDirectory {
      return nil
    }
  }

  /// Takes away what no chunk has, so that it can be given out again.
  func trim(to used: IntervalSet) throws(Errno) {
    guard let file = try existing() else { return }
    try Sys.truncate(file, to: used.end)
    for gap in used.gaps { try Sys.punch(file, offset: gap.lowerBound, length: gap.upperBound - gap.lowerBound) }
  }

  /// Whether the bytes of a chunk of `size` reached the disk before a power cut: what did not shows as a hole or, in blocks
  /// that it shares, by the noted edges.
  func holds(_ place: ChunkPlace, size: Int64) -> Bool {
    guard size > 0 else { return true }
    let end = place.start + size
    guard let file = try? existing(), let stat = try? Sys.stat(file), Int64(stat.st_size) >= end else { return false }
    // What was read of a hole meanwhile would pass for data.
    Sys.forgetCached(file)
    return lseek(file.raw, off_t(place.start), lx_SEEK_HOLE) >= off_t(end) && place.hasEdges(size: size, in: file)
  }
}
