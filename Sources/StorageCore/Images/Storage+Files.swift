internal import Glibc
internal import SystemPackage

/// Images and thumbnails, saved, read and deleted whole.
///
/// All of these are durable when they return.
extension Storage {
  /// Files an image under the present year and month.
  ///
  /// - Returns: its path relative to the storage root: `images/user-{userId}/{year}/{month}/{imageId}.{extension}`.
  /// - Throws: ``StorageError/targetExists(_:)`` unless `overwriting`.
  public func saveFile(
    _ data: [UInt8], userID: String, imageID: String, fileExtension: String, overwriting: Bool = false
  ) throws(StorageError) -> String {
    try saveFile(userID: userID, imageID: imageID, fileExtension: fileExtension, overwriting: overwriting) {
      writer throws(StorageError) in try writer.write(data)
    }
  }

  /// As ``saveFile(_:userID:imageID:fileExtension:overwriting:)``, from a stream: `fill` writes the bytes.
  public func saveFile(
    userID: String, imageID: String, fileExtension: String, overwriting: Bool = false,
    _ fill: (FileWriter) throws(StorageError) -> Void
  ) throws(StorageError) -> String {
    let name = StoragePath.imageName(imageID, fileExtension)
    return try save(.images, userID: userID, fileName: name, overwriting: overwriting, fill)
  }

  /// Files a thumbnail, a JPEG, under the present year and month, replacing one that is there.
  public func saveThumbnail(
    _ data: [UInt8], userID: String, imageID: String
  ) throws(StorageError) -> String {
    try saveThumbnail(userID: userID, imageID: imageID) { writer throws(StorageError) in try writer.write(data) }
  }

  /// As ``saveThumbnail(_:userID:imageID:)``, from a stream.
  public func saveThumbnail(
    userID: String, imageID: String, _ fill: (FileWriter) throws(StorageError) -> Void
  ) throws(StorageError) -> String {
    try save(.thumbnails, userID: userID, fileName: "\(imageID)_thumb.jpg", overwriting: true, fill)
  }

  /// The bytes of a stored file.
  ///
  /// - Parameter path: relative to the storage root, as the save functions return it.
  public func getFile(_ path: String) throws(StorageError) -> [UInt8] {
    let reader = try openFile(path)
    return try reader.read(upTo: Int(clamping: reader.size))
  }

  /// As ``getFile(_:)``, for reading piece by piece.
  public func openFile(_ path: String) throws(StorageError) -> FileReader {
    let path = try StoragePath(parsing: path)
    if case .chunk = path.place { uploads.session(path.names[2])?.waitForChunkRemoval() }
    return try StorageError.wrap("opening \(path)") { () throws(Errno) in
      let folder = try root.openFolder(path.folder)
      let descriptor = SharedDescriptor(try Sys.open(path.fileName, in: folder, O_RDONLY | O_NONBLOCK))
      let stat = try Sys.stat(descriptor)
      guard stat.isRegularFile else { throw .isDirectory }
      let size = Int64(stat.st_size)
      guard case .chunk = path.place, let session = uploads.session(path.names[2]) else {
        return FileReader(size: size) { bytes, offset throws(Errno) in try Sys.read(descriptor, at: offset, into: bytes)
        }
      }
      let chunk = try session.file(FileIdentity(stat), descriptor)
      return FileReader(size: size) { bytes, offset throws(Errno) in try chunk.read(at: offset, into: bytes) }
    }
  }

  /// Deletes an image, a thumbnail or a file of the workspace.
  public func deleteFile(_ path: String) throws(StorageError) {
    let path = try StoragePath(parsing: path)
    switch path.place {
    case .image, .workspaceEntry: break
    case .root, .rootStats, .rootErrors, .area, .user, .year, .month, .work, .userStats, .temp, .uploads, .session,
      .chunk, .sessionWork, .marker, .sessionStats, .workspace:
      throw .notHere(path.description, rule: "\(path) is not a stored file")
    }
    try StorageError.wrap("deleting \(path)") { () throws(Errno) in
      try gate.changing { () throws(Errno) in
        let folder = SharedDescriptor(try root.openFolder(path.folder))
        let identity = FileIdentity(try Sys.stat(folder))
        try names.holding(identity) { () throws(Errno) in
          _ = try losing(path.fileName, in: folder.raw, identity, from: account(of: path)) { () throws(Errno) in
            try Sys.unlink(path.fileName, in: folder)
          }
        }
        try Sys.synchronizeFolder(folder)
        observer?.changed(path.fileName, in: identity)
      }
    }
  }

  private func save(
    _ area: Area, userID: String, fileName: String, overwriting: Bool,
    _ fill: (FileWriter) throws(StorageError) -> Void
  ) throws(StorageError) -> String {
    let (year, month) = Clock.yearAndMonth(at: Clock.now())
    let path = try StoragePath(area, userID: userID, year: year, month: month, fileName: fileName)
    guard case .image = path.place else {
      throw .badName(fileName, rule: NameRules.noWorkName(path.fileName))
    }
    try writeStaged(origin: path.description, fill) { staged, descriptor throws(StorageError) in
      let late = try publish(staged, descriptor, as: path, overwriting: overwriting, owner: .ofThisProcess)
      if let late { throw late }
    }
    return path.description
  }

  /// Writes a staged file and hands it on whole; one that fails on the way is gone.
  func writeStaged(
    origin: String, _ fill: (FileWriter) throws(StorageError) -> Void,
    then publish: (FileName, CInt) throws(StorageError) -> Void
  ) throws(StorageError) {
    let staging = try staging
    let new = try StorageError.wrap("creating a file") { () throws(Errno) in
      try staging.create(origin: Origin(path: origin), flags: O_RDWR, mode: mode_t(Layout.fileMode))
    }
    let staged = new.name
    let writer = FileWriter(new.descriptor)
    do throws(StorageError) {
      try fill(writer)
      try publish(staged, new.descriptor.raw)
    } catch {
      // The error that matters is the one that is thrown; what stays staged goes at the next start.
      try? staging.discard(staged)
      throw error
    }
  }
}
