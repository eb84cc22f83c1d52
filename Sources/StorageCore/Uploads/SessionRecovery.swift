internal import Glibc
internal import SystemPackage

/// Finds the sessions that an earlier run left, and brings in order what was cut off in them.
///
/// - A completion that had put the image in place is finished; one that had not is as if it had never begun.
/// - After a power cut, a chunk whose bytes did not reach the disk goes.
/// - Data that no session has goes.
struct SessionRecovery {
  let root: Root
  let dataFolder: SharedDescriptor
  let refusals: RefusalLog
  /// The page cache still holds what the last run wrote.
  let isCacheKept: Bool
  let abilities: RootAbilities
  /// Nothing can be changed.
  let isReadOnly: Bool
  /// What open chunks that have no name yet have of the data files, by session.
  let chunksInUse: [FileName: [Range<Int64>]]

  /// Something that figures count was removed: those of the last stop are not true any more.
  private(set) var hasChangedFiles = false

  mutating func run() throws(StorageError) -> [UploadSession] {
    var sessions: [UploadSession] = []
    do throws(Errno) {
      let uploads = try root.openFolder(Layout.uploadsPath)
      // Also of those that cannot be read now: what they received is not to go.
      var names = Set<FileName>()
      for entry in try FolderStream.all(of: uploads.raw) where NameRules.isSession(entry.name) {
        names.insert(entry.name)
        do throws(Errno) {
          sessions.append(try session(entry.name, in: uploads.raw))
        } catch .notDirectory {
          // A file here was planted; there is no session in it.
          names.remove(entry.name)
        } catch {
          if error.isWantOfDescriptors { throw error }
          note(entry.name, error, "could not be read and is left alone; look at it in the storage root")
        }
      }
      if isReadOnly { return sessions }
      for entry in try FolderStream.all(of: dataFolder.raw) where !names.contains(entry.name) {
        do throws(Errno) {
          try Sys.unlink(entry.name, in: dataFolder)
        } catch {
          note(entry.name, error, "what lies in the folder of unfinished uploads under its name could not be deleted")
        }
      }
    } catch {
      throw .system(error, doing: "reading the sessions")
    }
    return sessions
  }

  private mutating func session(_ name: FileName, in uploads: CInt) throws(Errno) -> UploadSession {
    let folder = SharedDescriptor(try Sys.openFolder(name, in: uploads))
    let completed = try settleCompletion(of: name, in: folder)
    let data = SessionData(folder: dataFolder, name: name, abilities: abilities)
    let file = try data.reopen()
    let hasData = file != nil
    var chunks: [ChunkSet.Chunk] = []
    let entries = try FolderStream.all(of: folder.raw)
    var record: CompletionRecord?
    if entries.contains(where: { $0.name == Layout.result }) {
      let file = try Sys.openOwn(Layout.result, in: folder, O_RDONLY)
      record = CompletionRecord(json: try Sys.readAll(file, limit: CompletionRequest.longestMarker))
    } else {
      record = completed ?? CompletionRecord(notedOn: folder)
    }
    var last = Int64(try Sys.stat(folder).st_mtim.tv_sec)
    for entry in entries {
      let stat = try Sys.stat(entry.name, in: folder)
      last = max(last, Int64(stat.st_mtim.tv_sec))
      guard entry.name != Layout.result, entry.name != Layout.completing, stat.isRegularFile else { continue }
      // That the bytes of one that has become part of an image are not where they were is no loss.
      let chunk: ChunkSet.Chunk? =
        if record != nil {
          ChunkSet.Chunk(name: entry.name, size: Int64(stat.st_size))
        } else {
          try chunk(entry.name, stat, in: folder, data, hasData, of: name)
        }
      if let chunk { chunks.append(chunk) }
    }
    if record != nil, isReadOnly { chunks = [] }
    if record != nil, !isReadOnly {
      // Cut off while its chunks were going.
      for chunk in chunks { try Sys.unlink(chunk.name, in: folder) }
      hasChangedFiles = hasChangedFiles || !chunks.isEmpty
      try data.remove()
      chunks = []
    }
    let session = UploadSession(name: name, data: data, lastActivity: last)
    try withExtendedLifetime(file) { () throws(Errno) in
      try session.restore(chunks: chunks, record: record, inUse: chunksInUse[name] ?? [], trimming: !isReadOnly)
    }
    return session
  }

  /// A chunk that is whole; one that is not is removed.
  private mutating func chunk(
    _ name: FileName, _ stat: stat, in folder: SharedDescriptor, _ data: SessionData, _ hasData: Bool,
    of session: FileName
  ) throws(Errno) -> ChunkSet.Chunk? {
    let size = Int64(stat.st_size)
    let file = try Sys.open(name, in: folder, O_RDONLY)
    guard let place = try ChunkPlace.noted(on: file) else { return ChunkSet.Chunk(name: name, size: size) }
    if size == 0 || (hasData && (isCacheKept || data.holds(place, size: size))) {
      return ChunkSet.Chunk(name: name, size: size, place: place.start)
    }
    hasChangedFiles = true
    guard !isReadOnly else {
      note(session, .ioError, "\(name) did not reach the disk before the power failed; the storage root is read-only")
      return nil
    }
    try Sys.unlink(name, in: folder)
    note(session, .ioError, "\(name) did not reach the disk before the power failed; send it again")
    return nil
  }

  /// A completion writes down what it is about to do before it gives the image its name.
  ///
  /// - Returns: what it has done, where that cannot be noted.
  private mutating func settleCompletion(
    of name: FileName, in folder: SharedDescriptor
  ) throws(Errno) -> CompletionRecord? {
    let intent: SharedDescriptor
    do throws(Errno) {
      intent = SharedDescriptor(try Sys.openOwn(Layout.completing, in: folder, O_RDONLY))
    } catch .noSuchFileOrDirectory {
      return nil
    }
    hasChangedFiles = true
    let record = CompletionRecord(json: try Sys.readAll(intent, limit: CompletionRequest.longestMarker))
    if let record, let path = try? StoragePath(parsing: record.storagePath), isInPlace(record, path, intent) {
      if isReadOnly { return record }
      // The server may have ended, or the disk failed, before the image's name was on disk.
      try Storage.synchronizeFolders(of: path, in: root)
      try Sys.rename(Layout.completing, in: folder, to: Layout.result, in: folder)
    } else {
      if isReadOnly { return nil }
      try Sys.unlink(Layout.completing, in: folder)
    }
    try Sys.synchronizeFolder(folder)
    return nil
  }

  private func isInPlace(_ record: CompletionRecord, _ path: StoragePath, _ intent: SharedDescriptor) -> Bool {
    guard let folder = try? root.openFolder(path.folder),
      let stat = try? Sys.stat(path.fileName, in: folder), stat.isRegularFile
    else { return false }
    // Without attributes, the size has to do.
    guard let inode = try? Sys.extendedAttribute(Layout.inodeAttribute, of: intent) else {
      return Int64(stat.st_size) == record.size
    }
    return String(decoding: inode, as: UTF8.self) == "\(stat.st_ino)"
  }

  private func note(_ session: FileName, _ error: Errno, _ advice: String) {
    refusals.add(
      operation: "recover", path: Layout.path(Layout.uploadsPath + [session]), errno: error, advice: advice)
  }
}
