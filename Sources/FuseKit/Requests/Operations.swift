internal import CFuse

/// libfuse's table of callbacks, each five lines: call, and say what to answer.
///
/// Left out on purpose: locks (the kernel then does POSIX, flock and OFD locks by itself), access (that is
/// `default_permissions`), poll, ioctl and bmap. `destroy` comes only with the session's end, which
/// ``Session/run()`` tells by itself.
enum Operations {
  static var table: fuse_lowlevel_ops {
    var table = fuse_lowlevel_ops()
    table.`init` = { _, connection in Operations.negotiate(connection) }
    setNodeOperations(&table)
    setNameOperations(&table)
    setFileOperations(&table)
    setDataOperations(&table)
    setDirectoryOperations(&table)
    setAttributeOperations(&table)
    return table
  }

  /// What libfuse is to ask of the kernel; see ``InitFlags`` for what it cannot ask.
  private static func negotiate(_ connection: UnsafeMutablePointer<fuse_conn_info>?) {
    guard let connection else { return }
    // Only these: everything libfuse would want by itself and is not here is left out. Splicing (replies then
    // bypass the session's own I/O), writeback cache (breaks O_APPEND), AUTO_INVAL_DATA (drops pages on
    // each change of mtime; the file system tells the kernel instead), HANDLE_KILLPRIV (who claims it must
    // clear setuid and capabilities), locks, and POSIX ACLs.
    let wanted =
      FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS
      | FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_CACHE_SYMLINKS
    connection.pointee.want = connection.pointee.capable & UInt32(wanted)
    connection.pointee.max_write = 1 << 20
    connection.pointee.max_background = 64
    connection.pointee.congestion_threshold = 48
    connection.pointee.time_gran = 1
  }
}

extension EntryName {
  /// Copies a name out of a request, whose memory is used again after the reply.
  init(_ name: UnsafePointer<CChar>?) {
    guard let name else {
      self.init(nulTerminated: [0])
      return
    }
    let size = strlen(name) + 1
    self.init(
      nulTerminated: name.withMemoryRebound(to: UInt8.self, capacity: size) {
        [UInt8](UnsafeBufferPointer(start: $0, count: size))
      })
  }
}

extension NodeID {
  init(_ inode: fuse_ino_t) { self.init(rawValue: UInt64(inode)) }
}

extension HandleID {
  init(_ file: UnsafeMutablePointer<fuse_file_info>?) { self.init(rawValue: file?.pointee.fh ?? 0) }
}
