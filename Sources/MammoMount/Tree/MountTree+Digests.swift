internal import FuseKit
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// The digests of images and thumbnails: what is shown of them, and when one is wanted.
extension MountTree {
  /// The attribute `user.mammofs.sha256`, in hexadecimal. A file that is being changed, or has changed since, has none.
  ///
  /// It is in no list of attributes: a tool that copies all it finds would try to set it elsewhere, and be refused.
  func digest(of node: NodeID) throws -> [UInt8] {
    let file = try holder(node, Layout.digestAttribute)
    if let inode = handles.inode(of: node), inode.booking.withLock({ $0.writers > 0 }) { throw Errno.noData }
    switch try Digest.state(of: file) {
    case .current(let digest), .cut(let digest): return Array(digest.text.utf8)
    case .absent, .stale: throw Errno.noData
    }
  }

  /// Has a file given a digest soon, if it is of those that have one.
  func wantDigest(_ id: NodeID) {
    guard let record = nodes[id], !nodes.isOrphan(id) else { return }
    wantDigest(record.identity, at: record.place, record.name, in: record.parent)
  }

  func wantDigest(_ file: FileIdentity, at place: Place, _ name: FileName, in folder: NodeID) {
    guard case .image = place else { return }
    storage.digests.want(file, at: names(of: folder) + [name])
  }

  /// The names that lead to a folder, from the root on.
  func names(of folder: NodeID) -> [FileName] {
    var names: [FileName] = []
    var id = folder
    while id != .root, let record = nodes[id], names.count < 4096 {
      names.append(record.name)
      id = record.parent
    }
    return names.reversed()
  }
}
