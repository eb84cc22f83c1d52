internal import CLinux
internal import FuseKit
internal import Glibc
package import Logging
package import StorageCore
internal import Synchronization
internal import SystemPackage

/// What a mount is asked to be.
package struct ServerOptions: Sendable {
  /// The storage root.
  package var root: String
  package var mountPoint: String
  /// Further `-o` options.
  package var options: [String] = []
  /// Seconds after which idle temporary files go.
  package var tempMaxAge: Int64 = 24 * 3600
  /// Seconds between cleanups.
  package var cleanupInterval: Int64 = 24 * 3600
  /// Seconds for which a finished session stays.
  package var sessionLinger: Int64 = 3600

  package init(root: String, mountPoint: String) {
    self.root = root
    self.mountPoint = mountPoint
  }
}

/// A mount from beginning to end: takes the storage root, mounts, serves, and leaves everything on disk.
package final class MountServer: Sendable {
  package let storage: Storage
  private let options: ServerOptions
  private let session: Session
  private let logger: Logger

  /// Takes the storage root into use.
  ///
  /// - Parameter onReady: called once, when the mount answers.
  package init(
    _ options: ServerOptions, logger: Logger, onReady: @escaping @Sendable () -> Void
  ) throws(StorageError) {
    self.options = options
    self.logger = logger
    // Modes are the callers' business.
    umask(0)
    let descriptors = Int(clamping: lx_raise_descriptor_limit())
    storage = try Storage(path: options.root)
    try storage.initialize(as: "the mount at \(options.mountPoint) (pid \(getpid()))")
    let tree = try MountTree(storage: storage, descriptorLimit: descriptors, logger: logger, onReady: onReady)
    var mount = MountOptions(name: storage.path, type: "mammofs", options: Self.mountOptions(options.options))
    mount.passthrough = geteuid() == 0
    mount.clearsPrivileges = true
    Session.setLog { logger.warning("libfuse: \($0)") }
    do throws(Errno) {
      session = try Session(fileSystem: tree, options: mount)
    } catch {
      throw .system(error, doing: "understanding the mount options \(options.options.joined(separator: ","))")
    }
  }

  /// `default_permissions` always: without it the kernel's memory would let everyone at what one may see.
  private static func mountOptions(_ given: [String]) -> [String] {
    var options = given.filter { $0 != "defaults" && $0 != "rw" && $0 != "default_permissions" && $0 != "allow_other" }
    options.append("default_permissions")
    // An ordinary user needs user_allow_other in /etc/fuse.conf, and so has to ask for it.
    if geteuid() == 0 || given.contains("allow_other") { options.append("allow_other") }
    return options
  }

  /// Mounts and serves until unmounted, or until one of the signals that end a program.
  package func run() throws(StorageError) {
    let signals = lx_signalfd_for_end()
    let housekeeping = Housekeeping(storage: storage, options: options, logger: logger)
    do throws(Errno) {
      try session.mount(at: options.mountPoint)
    } catch {
      throw .system(error, doing: "mounting at \(options.mountPoint)")
    }
    logger.info("mounted", metadata: ["root": "\(storage.path)", "at": "\(options.mountPoint)"])
    StorageCore.Thread.start("signals") { [session] in
      var record = [UInt8](repeating: 0, count: 128)
      if read(signals, &record, record.count) > 0 { session.stop() }
    }
    housekeeping.start()
    let control = ControlSocket(storage: storage, housekeeping: housekeeping, logger: logger)
    control.start()
    var failure: Errno?
    do throws(Errno) {
      try session.run()
    } catch {
      failure = error
    }
    session.unmount()
    housekeeping.stop()
    try storage.close()
    logger.info("unmounted", metadata: ["at": "\(options.mountPoint)"])
    if let failure { throw .system(failure, doing: "serving \(options.mountPoint)") }
  }
}
