package import Glibc
internal import SystemPackage

/// What may have a name where.
extension Namespace {
  /// What may be renamed to where.
  package func checkPlaces(_ source: Entry, _ stat: stat, _ target: Entry) throws(StorageError) {
    switch (source.place, target.place) {
    case (.user, _), (.year, _), (.month, _), (.session, _), (_, .user), (_, .year), (_, .month), (_, .session):
      guard source.place != target.place || source.place == .session else { return }
      if source.place.canBeCopied(to: target.place) {
        throw .crossesPlaces(rule: "a folder is renamed within its tree only; copy this one")
      }
      if source.place == .session || target.place == .session {
        throw .notHere(target.name.description, rule: "a session keeps its name; make a new one with mkdir")
      }
      throw .notHere(
        target.name.description, rule: "user, year and month folders are renamed within their level only")
    case (.chunk, _), (.sessionWork, _), (_, .chunk), (_, .sessionWork), (_, .marker):
      guard stat.isRegularFile else {
        throw .notHere(target.name.description, rule: "a session holds regular files only")
      }
      guard source.folder.identity == target.folder.identity else {
        throw .crossesPlaces(rule: "files of a session are renamed within the session only; copy this one")
      }
      if target.place == .marker, source.place != .sessionWork {
        throw .notHere(target.name.description, rule: "a chunk is not a marker; write .complete as a file of its own")
      }
      guard target.place == .chunk || source.place == .chunk, let session = target.folder.session else { return }
      try session.checkReceiving()
    case (.workspaceEntry, .image), (.workspaceEntry, .work):
      guard stat.isRegularFile else {
        throw .notHere(target.name.description, rule: "a month folder holds regular files only")
      }
      guard stat.st_nlink == 1 else {
        throw .crossesPlaces(rule: "the file has several names, an image has one; copy it")
      }
    default: break
    }
  }
}
