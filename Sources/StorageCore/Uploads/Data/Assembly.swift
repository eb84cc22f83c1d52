internal import Crypto
internal import Glibc
internal import SystemPackage

/// The file that a session's chunks make, on its way to its name.
///
/// Mostly it is the session's data file, with every chunk where it belongs. Chunks without a place are copied into it.
/// Where a chunk lies in another's place, all are copied into a new file.
struct Assembly {
  /// Where the file is, and what it is called there.
  let folder: SharedDescriptor
  let name: FileName
  let file: SharedDescriptor
  /// Bytes.
  let size: Int64
  /// Made for this, and worth nothing if it fails.
  private let isNew: Bool

  /// A chunk as it is on disk now, and where it goes. Not held open: there may be more of them than descriptors.
  fileprivate struct Part {
    let name: FileName
    let size: Int64
    /// In the data file.
    let place: Int64?
    let target: Int64
    /// Whoever completes the session may read it, and take it away.
    let mayBeTaken: Bool

    var isInPlace: Bool { place == target || size == 0 }
    var range: Range<Int64> { target..<target + size }
  }

  /// - Parameters:
  ///   - chunks: in order.
  ///   - folder: the session's.
  ///   - credentials: of whoever completes the session; `nil` is this process.
  init(
    _ chunks: [ChunkSet.Chunk], of session: UploadSession, in folder: SharedDescriptor, for path: StoragePath,
    by credentials: Credentials?, staging: Staging
  ) throws(StorageError) {
    let (parts, size) = try StorageError.wrap("assembling \(path)") { () throws(Errno) in
      try Self.parts(chunks, in: folder, by: credentials)
    }
    if let part = parts.first(where: { !$0.mayBeTaken }) { throw .notYours(part.name.description) }
    let result = try StorageError.wrap("assembling \(path)") { () throws(Errno) in
      // Nobody makes a program that runs as whoever completes the session.
      let mode = try Sys.stat(parts[0].name, in: folder).st_mode & 0o777
      var assembly: Assembly
      if let data = try session.data.existing(), parts.allSatisfy({ $0.isInPlace || $0.place == nil }) {
        assembly = Assembly(folder: session.data.folder, name: session.data.name, file: data, size: size, isNew: false)
        try Self.copyIn(parts.filter { !$0.isInPlace }, of: folder, to: data, session)
        try Sys.truncate(data, to: size)
      } else {
        let new = try staging.create(origin: Origin.disposable, flags: O_RDWR, mode: mode_t(Layout.fileMode))
        assembly = Assembly(folder: staging.folder, name: new.name, file: new.descriptor, size: size, isNew: true)
        do throws(Errno) {
          for part in parts {
            if let place = part.place, let data = try session.data.existing() {
              try part.copy(from: data, at: place, to: new.descriptor)
            } else {
              try part.copy(from: SharedDescriptor(part.open(in: folder)), at: 0, to: new.descriptor)
            }
          }
          // A hole at the end is copied by nobody.
          try Sys.truncate(new.descriptor, to: size)
        } catch {
          try? assembly.discard()
          throw error
        }
      }
      do throws(Errno) {
        // The new file is as the chunks are: whoever may read those may read it.
        try Sys.chmod(assembly.file, mode)
      } catch {
        try? assembly.discard()
        throw error
      }
      return assembly
    }
    self = result
  }

  private init(folder: SharedDescriptor, name: FileName, file: SharedDescriptor, size: Int64, isNew: Bool) {
    self.folder = folder
    self.name = name
    self.file = file
    self.size = size
    self.isNew = isNew
  }

  /// Copies chunks without a place into the data file; what was copied goes again where that fails.
  private static func copyIn(
    _ parts: [Part], of folder: SharedDescriptor, to data: SharedDescriptor, _ session: UploadSession
  ) throws(Errno) {
    do throws(Errno) {
      for part in parts {
        session.occupy(part.range)
        // There may be something of a chunk that is gone.
        try Sys.punch(data, offset: part.target, length: part.size)
        try part.copy(from: SharedDescriptor(part.open(in: folder)), at: 0, to: data)
      }
    } catch {
      for part in parts {
        try Sys.punch(data, offset: part.target, length: part.size)
        session.free(part.range)
      }
      throw error
    }
  }

  /// What is on disk now is what counts: chunks may have been changed in place, and moved.
  private static func parts(
    _ chunks: [ChunkSet.Chunk], in folder: SharedDescriptor, by credentials: Credentials?
  ) throws(Errno) -> ([Part], Int64) {
    let holder = try Sys.stat(folder)
    let mayChange = credentials?.may(3, holder) ?? true
    var parts: [Part] = []
    parts.reserveCapacity(chunks.count)
    var end: Int64 = 0
    for chunk in chunks {
      let stat = try Sys.stat(chunk.name, in: folder)
      guard stat.isRegularFile else { throw .ioError }
      let size = Int64(stat.st_size)
      let place = try ChunkPlace.start(notedOn: chunk.name, size: size, in: folder)
      let mayBeTaken = credentials.map { mayChange && $0.may(4, stat) && $0.mayReplace(stat, in: holder) } ?? true
      parts.append(Part(name: chunk.name, size: size, place: place, target: end, mayBeTaken: mayBeTaken))
      guard end.addingClamped(size) < .max else { throw .fileTooLarge }
      end += size
    }
    return (parts, end)
  }

  /// Checks what the request says of the whole, and says what it has become.
  ///
  /// - Parameter isAbandoned: whether nobody waits for it any more, and it is to be given up.
  func check(
    against request: CompletionRequest, path: StoragePath, chunks: Int, isAbandoned: () -> Bool
  ) throws(StorageError) -> CompletionRecord {
    if let expected = request.size, expected != size { throw .wrongSize(expected: expected, actual: size) }
    var sha256: String?
    if let expected = request.sha256 {
      let actual = try StorageError.wrap("checking \(path)") { () throws(Errno) in try digest(isAbandoned) }
      guard actual == expected else { throw .wrongDigest(expected: expected, actual: actual) }
      sha256 = actual
    }
    return CompletionRecord(storagePath: path.description, size: size, chunks: chunks, sha256: sha256)
  }

  /// SHA-256, in lower-case hexadecimal.
  private func digest(_ isAbandoned: () -> Bool) throws(Errno) -> String {
    var hash = SHA256()
    var offset: Int64 = 0
    while offset < size {
      if isAbandoned() { throw .interrupted }
      let piece = try Sys.readAll(file, from: offset, limit: 1 << 20)
      if piece.isEmpty { break }
      hash.update(data: piece)
      offset += Int64(piece.count)
    }
    return hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The completion was refused: what was made for it goes, and the chunks are as they were.
  func discard() throws(Errno) {
    if isNew { try Sys.unlink(name, in: folder) }
  }
}

extension Assembly.Part {
  fileprivate func open(in folder: SharedDescriptor) throws(Errno) -> Descriptor {
    try Sys.open(name, in: folder, O_RDONLY)
  }

  fileprivate func copy(from source: SharedDescriptor, at offset: Int64, to file: SharedDescriptor) throws(Errno) {
    try Sys.copySparse(from: source.raw, at: offset, to: file.raw, at: target, length: size)
  }
}
