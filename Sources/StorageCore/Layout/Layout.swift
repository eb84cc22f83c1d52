/// The one file that spells what is where in a storage root.
package enum Layout {
  /// The folders that ``Storage/initialize()`` makes, parents first.
  static let folders: [[FileName]] = [
    ["images"], ["thumbnails"], ["temp"], ["temp", "uploads"], ["temp", "processing"],
    [privateFolder], [privateFolder, staging], [privateFolder, uploadData],
  ]

  /// Mode of every folder of the documented tree, where nothing else was asked for.
  package static let folderMode: UInt32 = 0o750
  /// Mode of files that the service makes by itself.
  package static let fileMode: UInt32 = 0o640

  /// The service's own folder; nothing in it shows in the mount.
  package static let privateFolder: FileName = ".mammofs"
  /// Files that are not whole yet; see ``StagedName``.
  package static let staging: FileName = "staging"
  /// The bytes of unfinished uploads, one file each, named by the session.
  package static let uploadData: FileName = "uploads"
  /// What a cleanup takes out of the workspace; see ``SetAside``.
  static let setAside: FileName = "cleanup"
  static let checking: FileName = "checking"
  static let deleting: FileName = "deleting"
  /// A file of this name keeps what it is in from a cleanup.
  static let keep: FileName = ".keep"
  /// Locked by whoever has the storage root in use; says who.
  package static let lock: FileName = "lock"
  /// What the store was asked to be; see ``StoreSettings``.
  package static let settings: FileName = "settings.json"
  /// Usage figures, there only after a clean stop.
  package static let usage: FileName = "usage.json"
  /// What the file system below can do; see ``RootAbilities``.
  static let abilities: FileName = "abilities.json"
  /// What a background server has to say, and what it said before that.
  package static let log: FileName = "log"
  package static let oldLog: FileName = "log.old"
  /// What was recovered, or could not be, by a command that is no mount: for the next mount to show.
  static let kept: FileName = "errors"
  /// The result of a completed session, in the session's folder.
  package static let result: FileName = ".complete"
  /// The same while the image takes its place; in the session's folder, and no name that a session could hold.
  package static let completing: FileName = "completing"
  /// Where cut-off files are put, below the workspace; see ``RecoveredFolder``.
  package static let recovered: FileName = "recovered"
  /// On a staged file: its size once it was published, and the path it is meant to have where its name does not say.
  package static let originAttribute: FileName = "user.mammofs.origin"
  /// On a staged file of which a write failed: the error's number.
  static let failureAttribute: FileName = "user.mammofs.failure"
  /// On a chunk: the offset of its bytes in the session's data file.
  static let placeAttribute: FileName = "user.mammofs.place"
  /// On a session's result: the inode that the image has.
  static let inodeAttribute: FileName = "user.mammofs.inode"
  /// On a session's folder: its result, where that was deleted.
  package static let completedAttribute: FileName = "user.mammofs.completed"
  /// On a marker that is being written: the supplementary groups of its writer.
  package static let groupsAttribute: FileName = "user.mammofs.groups"
  /// On an image or thumbnail: the SHA-256 of its bytes, and of what size and time of modification they were.
  package static let digestAttribute: FileName = "user.mammofs.sha256"
  /// How far the server's scrub is.
  static let scrub: FileName = "scrub.json"
  /// What scrub and `mammofs verify` found damaged.
  static let findings: FileName = "findings.json"
  /// How far a `mammofs verify` is that was interrupted.
  static let verify: FileName = "verify.json"
  /// What waited for its digest when the last server was stopped.
  static let wanted: FileName = "digests.json"
  /// Attributes that no list shows, so that no tool copies them.
  package static let hiddenAttributes: Set<FileName> = [
    originAttribute, failureAttribute, placeAttribute, inodeAttribute, completedAttribute, groupsAttribute,
    digestAttribute,
  ]
  /// The attribute names that the service keeps to itself.
  package static let attributePrefix = "user.mammofs."

  package static let uploadsPath: [FileName] = ["temp", "uploads"]
  package static let workspacePath: [FileName] = ["temp", "processing"]

  package static func path(_ names: [FileName]) -> String { names.map(\.description).joined(separator: "/") }
}
