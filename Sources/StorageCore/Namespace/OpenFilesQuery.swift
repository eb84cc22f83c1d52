package import SystemPackage

/// What the storage asks of whoever has files open for others. Of a file that nobody has open, each answer is no.
package protocol OpenFilesQuery: AnyObject, Sendable {
  /// Whether somebody has the file or folder open.
  func isOpen(_ file: FileIdentity) -> Bool
  /// The files and folders that somebody has open: as ``isOpen(_:)``, of all at once.
  func allOpen() -> OpenFiles
  /// Whether somebody has the file open for writing, or its last writer's release is yet to come.
  func isOpenForWriting(_ file: FileIdentity) -> Bool
  /// The booked size of a file that is open for writing, brought up to date. The caller is within the gate, alone.
  func openSize(_ file: FileIdentity) -> Int64?
  /// What files that wait for their names in a folder are counted under.
  func account(ofFolder folder: FileIdentity) -> Account
  /// Books what an open file has grown or shrunk by, and returns its size in bytes; `nil` where nobody has it open. The
  /// caller is within the gate, with the file's lock.
  func bookGrowth(of file: FileIdentity) throws(Errno) -> Int64?
  /// The size in bytes that is booked for an open file.
  func bookedSize(_ file: FileIdentity) -> Int64?
  /// The write to an open file that failed, if the file is not whole by that.
  func failure(of file: FileIdentity) -> Errno?
  /// Whether somebody who has the file open was told that it is on disk.
  func isSynchronized(_ file: FileIdentity) -> Bool
  /// Whether somebody has the file open for writing whose close has not been seen.
  func isBeingWritten(_ file: FileIdentity) -> Bool
  /// Whether somebody has a chunk open, by whatever name.
  func isOpen(_ chunk: ChunkFile) -> Bool

  /// A file has another name. The caller holds the file's lock.
  func renamed(_ file: FileIdentity, from source: Namespace.Entry, to target: Namespace.Entry)
  /// A file has lost one of its names, and has others.
  func lostName(_ file: FileIdentity, _ name: FileName, in folder: FileIdentity)
  /// Who writes to a file writes to another chunk from now on, or to none. Until it is closed, no completion of its session
  /// begins.
  func retarget(_ file: FileIdentity, to chunk: (session: UploadSession, name: FileName)?)
}
