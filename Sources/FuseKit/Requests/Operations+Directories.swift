internal import CFuse
import Glibc
import SystemPackage

extension Operations {
  static func setDirectoryOperations(_ table: inout fuse_lowlevel_ops) {
    table.opendir = { request, inode, _ in
      answer(request) { (files, caller) throws(Errno) in
        .openedDirectory(try files.openDirectory(NodeID(inode), caller), of: NodeID(inode))
      }
    }
    table.readdir = { request, inode, size, offset, file in
      Operations.list(request, NodeID(inode), size, offset, HandleID(file), wantsAttributes: false)
    }
    table.readdirplus = { request, inode, size, offset, file in
      Operations.list(request, NodeID(inode), size, offset, HandleID(file), wantsAttributes: true)
    }
    table.releasedir = { request, inode, file in
      answer(request) { (files, _) throws(Errno) in
        files.releaseDirectory(NodeID(inode), HandleID(file))
        return .done
      }
    }
    table.fsyncdir = { request, inode, dataOnly, file in
      answer(request) { (files, caller) throws(Errno) in
        try files.synchronizeDirectory(NodeID(inode), HandleID(file), dataOnly: dataOnly != 0, caller)
        return .done
      }
    }
  }

  private static func list(
    _ request: fuse_req_t?, _ node: NodeID, _ size: Int, _ offset: off_t, _ handle: HandleID,
    wantsAttributes: Bool
  ) {
    answer(request) { (files, caller) throws(Errno) in
      guard let request, let room = Worker.current?.room(size) else { throw .noMemory }
      var listing = DirectoryListing(request: request, buffer: room, wantsAttributes: wantsAttributes)
      let offset = UInt64(bitPattern: Int64(offset))
      do throws(Errno) {
        try files.readDirectory(node, handle, from: offset, into: &listing, caller)
      } catch {
        // The lookups counted so far never reach the kernel.
        listing.forEachNode { files.forget($0, count: 1) }
        throw error
      }
      return .listing(listing)
    }
  }
}
