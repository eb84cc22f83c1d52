internal import Glibc
internal import Synchronization
package import SystemPackage

/// The chunks' bytes: where they go, and who has them.
extension UploadSession {
  /// The chunk that `descriptor` is a file of, shared by all who have it open.
  ///
  /// - Parameter isNew: it was just created, and nobody else can have it.
  package func file(
    _ identity: FileIdentity, _ descriptor: SharedDescriptor, isNew: Bool = false
  ) throws(Errno) -> ChunkFile {
    try files.withLock { files throws(Errno) in
      if let file = files[identity]?.value { return file }
      let file = try ChunkFile(descriptor, isNew: isNew, of: self, data: data)
      // Those that nobody has any more go when there are many.
      if files.count > 64 { files = files.filter { $0.value.value != nil } }
      files[identity] = WeakChunkFile(value: file)
      return file
    }
  }

  /// The chunk, if somebody has it open.
  func openFile(_ identity: FileIdentity) -> ChunkFile? { files.withLock { $0[identity]?.value } }

  /// Where a chunk that is about to be written would go.
  func place(of index: ChunkIndex) -> Int64? {
    state.withLock { $0.isReceiving ? $0.chunks.placement.place(of: index.value) : nil }
  }

  /// Takes a part of the data file for a chunk; false where it is not free.
  func take(_ range: Range<Int64>) -> Bool { state.withLock { $0.chunks.placement.take(range) } }

  /// Something is written to a part of the data file, whatever is there.
  func occupy(_ range: Range<Int64>) { state.withLock { $0.chunks.placement.occupy(range) } }

  /// A part of the data file is a hole again.
  func free(_ range: Range<Int64>) { state.withLock { $0.chunks.placement.free(range) } }
}

/// Who has a place in the data file that another chunk may soon have.
package struct PlaceOccupant {
  package let file: ChunkFile
  package let isOpen: Bool

  /// Gives the place back. Whoever has the chunk open goes on with the bytes, which it has itself then.
  package func vacate(isOpen: Bool) throws(Errno) {
    if isOpen { try file.bringHome() } else { try file.discard() }
  }
}

extension Storage {
  /// Moves chunks that were saved before it was known where they belong, where that is known now.
  ///
  /// Soon after they were saved, their bytes are in memory still, and reach the disk once.
  package func moveChunks(of session: UploadSession) throws(Errno) {
    let movable = session.state.change { $0.beginMoving() }
    guard !movable.isEmpty else { return }
    defer { session.state.change { $0.endMoving() } }
    let folder = try root.openFolder(Layout.uploadsPath + [session.name])
    for (chunk, place) in movable {
      // One that is gone meanwhile needs no place.
      guard let descriptor = try? Sys.open(chunk.name, in: folder, O_RDWR) else { continue }
      let shared = SharedDescriptor(descriptor)
      let file = try session.file(FileIdentity(try Sys.stat(shared)), shared)
      guard try file.move(to: place) else { continue }
      file.startWriteback()
      session.state.change { $0.moved(chunk, to: place) }
    }
  }

  /// A chunk that is about to lose its name; once it has, it is to give its place back.
  ///
  /// - Parameter folder: the chunk's.
  package func occupant(_ chunk: FileName, in folder: CInt, of session: UploadSession) throws(Errno) -> PlaceOccupant? {
    let stat = try Sys.stat(chunk, in: folder)
    let identity = FileIdentity(stat)
    if let open = session.openFile(identity) { return PlaceOccupant(file: open, isOpen: true) }
    guard try isPlaced(chunk, stat, in: folder) else { return nil }
    // Whoever deletes a file needs no right to write it.
    let descriptor = SharedDescriptor(try Sys.openAsOwner(chunk, in: folder, O_RDWR))
    return PlaceOccupant(file: try session.file(identity, descriptor), isOpen: false)
  }

  private func isPlaced(_ chunk: FileName, _ stat: stat, in folder: CInt) throws(Errno) -> Bool {
    do throws(Errno) {
      return try ChunkPlace.start(notedOn: chunk, size: Int64(stat.st_size), in: folder) != nil
    } catch .permissionDenied {
      return try ChunkPlace.noted(on: SharedDescriptor(try Sys.openPath(chunk, in: folder))) != nil
    }
  }

  /// Where in its session's data file the bytes of a chunk are; `nil` where they are in its own file, or it is none.
  ///
  /// Throws what asking its attribute met: that is no answer.
  package static func place(ofChunk descriptor: CInt) throws(Errno) -> Int64? { try ChunkFile.place(of: descriptor) }

  /// Where the bytes of a chunk are, as its file says.
  package func place(ofChunk chunk: FileName, in folder: CInt) -> Int64? {
    guard let file = try? Sys.open(chunk, in: folder, O_RDONLY) else { return nil }
    return (try? ChunkFile.place(of: file)) ?? nil
  }
}
