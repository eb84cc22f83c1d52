internal import CLinux
internal import Glibc
internal import Synchronization
package import SystemPackage

/// One chunk that somebody has open, and where its bytes are.
///
/// A chunk's own file has its name, size, times, owner and mode. Its bytes are either
/// in it (plain), or in the session's data file at the offset that an attribute of the chunk
/// says (placed); then the file itself is one hole of the chunk's size. All opens of a chunk
/// share one of these, so that they agree.
package final class ChunkFile: Sendable {
  private enum Home {
    /// Nothing was written yet.
    case undecided
    case plain
    case placed(Int64, in: SharedDescriptor)
  }

  private struct State {
    var home: Home
    /// Bytes.
    var size: Int64
    /// Somebody was told that it is on disk, or may have been.
    var isSynchronized: Bool
    /// What the attribute says, where that is known.
    var noted: ChunkPlace?
    /// That is what is in the edges, and there is no hole.
    var edgesAreNoted = true
    /// The data file is kept open, so that a failure to write it out is told.
    var isKept = false
  }

  let descriptor: SharedDescriptor
  private let session: UploadSession
  private let data: SessionData
  // Held while bytes move: the kernel orders the writes of one file by itself.
  private let state: Mutex<State>

  /// - Parameters:
  ///   - descriptor: the chunk's own file, open for reading and, where it is to be written, writing.
  ///   - isNew: it was just created.
  init(_ descriptor: SharedDescriptor, isNew: Bool, of session: UploadSession, data: SessionData) throws(Errno) {
    self.descriptor = descriptor
    self.session = session
    self.data = data
    var home: Home = isNew ? .undecided : .plain
    if !isNew, let place = try ChunkFile.place(of: descriptor) {
      // Without its data a chunk is nothing, least of all zeros.
      guard let file = try data.existing() else { throw .ioError }
      home = .placed(place, in: file)
    }
    var first = State(home: home, size: Int64(try Sys.stat(descriptor).st_size), isSynchronized: !isNew)
    // An earlier server may have ended between a write and the close.
    if case .placed = home { first.edgesAreNoted = false }
    state = Mutex(first)
  }

  /// Where in the data file the bytes are; `nil` where they are in the chunk's own file.
  package var place: Int64? {
    state.withLock { if case .placed(let place, _) = $0.home { place } else { nil } }
  }

  // MARK: Bytes

  /// Reads up to the end of the chunk.
  package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
    try state.withLock { state throws(Errno) in
      guard case .placed(let place, let file) = state.home else {
        return try Sys.read(descriptor, at: offset, into: buffer)
      }
      let count = min(Int64(buffer.count), state.size - offset)
      guard count > 0 else { return 0 }
      return try Sys.read(
        file, at: place + offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(count)]))
    }
  }

  /// Writes all of `bytes`. A chunk with the index `index` gets its place at its first write; `nil` is none.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64, index: ChunkIndex?) throws(Errno) {
    try state.withLock { state throws(Errno) in
      if case .undecided = state.home { state.home = decide(index, &state.noted) }
      let end = offset.addingClamped(Int64(bytes.count))
      if case .placed(let place, let file) = state.home, end > state.size,
        // After a power cut a hole would be taken for a loss, also of what is known to be on disk.
        (offset > state.size && state.isSynchronized) || end > ChunkPlacement.furthest
          || !session.take(place + state.size..<place + end)
      {
        try bringHome(&state, from: place, in: file)
      }
      guard case .placed(let place, let file) = state.home else {
        return try writeOwn(bytes, at: offset, &state)
      }
      // The image's bytes are nobody's to change: who still has a chunk of it was to be waited for.
      guard !data.isSealed else { throw .ioError }
      if !state.isKept { data.keep(file) }
      state.isKept = true
      state.edgesAreNoted = false
      do throws(Errno) {
        try Sys.writeAll(file, at: place + offset, bytes)
      } catch .fileTooLarge {
        // The place was guessed, and no file of this file system goes so far.
        try free(place + state.size..<place + max(end, state.size))
        try bringHome(&state, from: place, in: file)
        return try writeOwn(bytes, at: offset, &state)
      }
      if end > state.size {
        // The chunk's own file always has the chunk's size.
        try Sys.truncate(descriptor, to: end)
        state.size = end
      } else {
        // As a write does.
        try Sys.setTimes(
          descriptor, timespec(tv_sec: 0, tv_nsec: Int(lx_UTIME_OMIT)), timespec(tv_sec: 0, tv_nsec: Int(lx_UTIME_NOW)))
      }
    }
  }

  private func writeOwn(_ bytes: UnsafeRawBufferPointer, at offset: Int64, _ state: inout State) throws(Errno) {
    try Sys.writeAll(descriptor.raw, at: offset, bytes)
    state.size = max(state.size, offset.addingClamped(Int64(bytes.count)))
  }

  /// As ``write(_:at:index:)``, from an array.
  func write(_ bytes: [UInt8], at offset: Int64, index: ChunkIndex?) throws(Errno) {
    var failure: Errno?
    bytes.withUnsafeBytes { bytes in
      do throws(Errno) { try write(bytes, at: offset, index: index) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// `ftruncate`.
  package func truncate(to size: Int64) throws(Errno) {
    try state.withLock { state throws(Errno) in
      if case .placed(let place, let file) = state.home, size != state.size {
        if size == 0 {
          try Sys.truncate(descriptor, to: 0)
          try giveUp(&state, place)
        } else {
          try bringHome(&state, from: place, in: file)
        }
      }
      try Sys.truncate(descriptor, to: size)
      state.size = size
      // What was made longer without a write has its bytes already.
      if case .undecided = state.home, size > 0 { state.home = .plain }
    }
  }

  /// Its own file was made larger, or may have been, by a call that is not one of these.
  package func resized() throws(Errno) {
    try state.withLock { state throws(Errno) in state.size = Int64(try Sys.stat(descriptor).st_size) }
  }

  /// Has the bytes in the chunk's own file, for what is done with a descriptor of it.
  package func bringHome() throws(Errno) {
    try state.withLock { state throws(Errno) in
      if case .placed(let place, let file) = state.home { try bringHome(&state, from: place, in: file) }
      if case .undecided = state.home { state.home = .plain }
    }
  }

  /// Sees to it that the next start can tell what of the chunk a power cut has left: at each close, before it is on disk.
  ///
  /// Nothing of it may stay as it was before unnoticed. And a hole in the data file is a loss then, so that a chunk with
  /// holes has its bytes to itself.
  package func settle() throws(Errno) {
    try state.withLock { state throws(Errno) in
      guard case .placed(let place, let file) = state.home, !state.edgesAreNoted else { return }
      if state.size > 0, lseek(file.raw, off_t(place), lx_SEEK_HOLE) < off_t(place + state.size) {
        return try bringHome(&state, from: place, in: file)
      }
      if data.abilities.showsHoles {
        let own = ChunkPlace.unshared(of: place..<place + state.size)
        try Sys.settleBlocks(file, at: own.lowerBound, length: Int64(own.count))
      } else {
        try Sys.synchronizeData(file)
      }
      let now = try ChunkPlace(place, size: state.size, in: file)
      do throws(Errno) {
        if now != state.noted { try now.note(on: descriptor) }
      } catch {
        // The file's other attributes leave no room for it.
        return try bringHome(&state, from: place, in: file)
      }
      state.noted = now
      state.edgesAreNoted = true
      state.isKept = false
    }
  }

  /// `fdatasync` of the bytes, and of the chunk's own file.
  package func synchronize() throws(Errno) {
    try settle()
    let file: SharedDescriptor? = state.withLock { if case .placed(_, let file) = $0.home { file } else { nil } }
    if let file { try Sys.synchronizeData(file) }
    try Sys.synchronize(descriptor)
    state.withLock { $0.isSynchronized = true }
  }

  /// Starts write-back of the bytes where they will stay, so that a completion finds little to do.
  package func startWriteback() {
    let home: (place: Int64, file: SharedDescriptor, size: Int64)? = state.withLock { state in
      if case .placed(let place, let file) = state.home { (place, file, state.size) } else { nil }
    }
    if let home { Sys.startWriteback(home.file, at: home.place, length: home.size) }
  }

  /// Frees the bytes of a chunk that is to go.
  package func discard() throws(Errno) {
    try state.withLock { state throws(Errno) in
      if case .placed(let place, _) = state.home { try giveUp(&state, place) }
    }
  }

  // MARK: Moving

  /// Moves the bytes to `place` in the data file, which nobody has written to before.
  ///
  /// - Returns: false where there is nothing to move, or no room at the place.
  func move(to place: Int64) throws(Errno) -> Bool {
    try state.withLock { state throws(Errno) in
      guard case .plain = state.home, (1...ChunkPlacement.furthest).contains(state.size), data.canPlace,
        session.take(place..<place + state.size)
      else {
        return false
      }
      // One with holes keeps its bytes to itself: a hole in the data file means a loss.
      guard lseek(descriptor.raw, 0, lx_SEEK_HOLE) >= off_t(state.size) else {
        session.free(place..<place + state.size)
        return false
      }
      let file: SharedDescriptor
      do throws(Errno) {
        file = try data.file()
      } catch {
        data.noteFailure(error)
        session.free(place..<place + state.size)
        throw error
      }
      let stat: stat
      let noted: ChunkPlace
      do throws(Errno) {
        stat = try Sys.stat(descriptor)
        _ = try Sys.copyAll(from: descriptor.raw, at: 0, to: file.raw, at: place, length: state.size)
        if state.isSynchronized || !data.abilities.showsHoles { try Sys.synchronizeData(file) }
        noted = try ChunkPlace(place, size: state.size, in: file)
      } catch {
        try free(place..<place + state.size)
        // No file goes so far: it keeps its bytes to itself.
        if error == .fileTooLarge { return false }
        throw error
      }
      do throws(Errno) {
        try noted.note(on: descriptor)
      } catch {
        // The file's other attributes leave no room for it: it keeps its bytes to itself.
        try free(place..<place + state.size)
        guard error == .noSpace || error == .notSupported || error == .argListTooLong else { throw error }
        return false
      }
      state.noted = noted
      state.home = .placed(place, in: file)
      state.edgesAreNoted = true
      // Whole blocks: a part of one would be zeroed where it is, on disk perhaps before the place is.
      try Sys.punch(descriptor, offset: 0, length: ChunkPlace.wholeBlocks(state.size))
      try Sys.setTimes(descriptor, stat.st_atim, stat.st_mtim)
      return true
    }
  }

  private func decide(_ index: ChunkIndex?, _ noted: inout ChunkPlace?) -> Home {
    guard let index, data.canPlace, let place = session.place(of: index) else { return .plain }
    do throws(Errno) {
      let file = try data.file()
      try ChunkPlace(start: place).note(on: descriptor)
      noted = ChunkPlace(start: place)
      return .placed(place, in: file)
    } catch {
      // A file system without attributes, or a full one: the chunk keeps its bytes to itself, and the write says more.
      data.noteFailure(error)
      return .plain
    }
  }

  private func bringHome(_ state: inout State, from place: Int64, in file: SharedDescriptor) throws(Errno) {
    if state.size > 0 {
      // The chunk's own file is one hole of the size. Terabytes between a few bytes are not to be copied.
      try Sys.copySparse(from: file.raw, at: place, to: descriptor.raw, at: 0, length: state.size)
    }
    // Each step is on disk before the next, which would undo it.
    if state.isSynchronized { try Sys.synchronizeData(descriptor) }
    try ChunkPlace.remove(from: descriptor)
    state.home = .plain
    if state.isSynchronized { try Sys.synchronize(descriptor) }
    try free(place..<place + state.size)
  }

  /// Lets go of the bytes. The next write may be given the same place.
  private func giveUp(_ state: inout State, _ place: Int64) throws(Errno) {
    try ChunkPlace.remove(from: descriptor)
    state.home = .undecided
    try free(place..<place + state.size)
  }

  private func free(_ range: Range<Int64>) throws(Errno) {
    // Kept where a completion is using the file: what is there may be another chunk's by now.
    guard !range.isEmpty, try data.punch(range) else { return }
    session.free(range)
  }

  // MARK: The attribute

  /// Where the bytes of a chunk are that is found on disk.
  static func place(of descriptor: borrowing some DescriptorReference & ~Copyable) throws(Errno) -> Int64? {
    try ChunkPlace.noted(on: descriptor)?.start
  }
}
