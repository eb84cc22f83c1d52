internal import FuseKit
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// Renames that were under way when an earlier server ended.
extension MountTree {
  /// A staged file that was about to get another name has its old one; the request comes again. Of two that were
  /// exchanged, one may still wait for its new one.
  ///
  /// - Parameter written: files that somebody has open for writing.
  func keepNames(
    _ intent: RenameIntent, _ isDone: Bool, _ staged: [FileIdentity: FileName], _ written: Set<FileIdentity>
  ) {
    let (first, second) = isDone ? (intent.target, intent.source) : (intent.source, intent.target)
    func keep(_ side: RenameIntent.Side, _ identity: FileIdentity) {
      guard let file = staged[identity] else { return }
      // What nobody writes and is no tool's temporary file had its name in the storage root, and has it again.
      if !written.contains(identity), (try? giveBack(side, to: file)) ?? false { return }
      keepName(side, file)
    }
    if !isDone || intent.exchanged != nil { keep(first, intent.identity) }
    if let other = intent.exchanged { keep(second, other.identity) }
  }

  private func keepName(_ side: RenameIntent.Side, _ file: FileName) {
    guard let folder = try? folder(side.parent), let place = try? folder.node.place.child(side.name) else { return }
    storage.namespace.keepName(file, as: side.name, in: self.place(folder), place)
  }

  /// Returns false where it is one that waits for its name.
  private func giveBack(_ side: RenameIntent.Side, to staged: FileName) throws -> Bool {
    let folder = try folder(side.parent)
    return try storage.namespace.giveBack(
      staged, as: side.name, in: place(folder), try folder.node.place.child(side.name))
  }

  /// A rename that was under way was carried out, or was not; the nodes are to know.
  ///
  /// - Returns: those that were under way.
  func settleRenames(_ intents: RenameIntents) -> [(slot: Int, intent: RenameIntent, isDone: Bool)] {
    var settled: [(slot: Int, intent: RenameIntent, isDone: Bool)] = []
    for (slot, intent) in intents.all {
      if !intent.isDone {
        let isDone = isDone(intent)
        settled.append((slot, intent, isDone))
        guard isDone else { continue }
        renamed(intent.identity, intent.source, intent.target, intent.place)
        if let other = intent.exchanged { renamed(other.identity, intent.target, intent.source, other.place) }
      }
      renames.noteDone(intent.request)
    }
    return settled
  }

  /// Whether one of the two has its new name.
  private func isDone(_ intent: RenameIntent) -> Bool {
    func has(_ side: RenameIntent.Side, _ identity: FileIdentity) -> Bool {
      guard let folder = try? descriptor(of: side.parent), let stat = try? Sys.stat(side.name, in: folder) else {
        return false
      }
      return FileIdentity(stat) == identity
    }
    return has(intent.target, intent.identity) || intent.exchanged.map { has(intent.source, $0.identity) } ?? false
  }

  private func renamed(
    _ identity: FileIdentity, _ from: RenameIntent.Side, _ to: RenameIntent.Side, _ place: Place
  ) {
    nodes.renamed(
      identity, from: (from.parent, from.name),
      to: Node(place: place, parent: to.parent, name: to.name, identity: identity))
  }
}
