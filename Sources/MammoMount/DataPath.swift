internal import FuseKit
internal import Logging
internal import StorageCore
internal import Synchronization
internal import SystemPackage

/// The one place that decides, per file, whether the kernel passes its bytes by or the server sees them.
final class DataPath: Sendable {
  enum Choice: Sendable {
    /// The kernel reads and writes the file in the storage root by itself.
    case kernel
    /// Bytes come through the server, and the kernel caches them.
    case server
  }

  private let logger: Logger
  private let fellBack = Atomic(false)
  private let freeSpace: FreeSpace

  init(logger: Logger, freeSpace: FreeSpace) {
    self.logger = logger
    self.freeSpace = freeSpace
  }

  /// What is wanted for files of a place.
  func choice(for place: Place) -> Choice {
    switch place {
    case .image, .work, .workspaceEntry: .kernel
    // A chunk's writes show when it is busy; the others are made here.
    case .chunk, .sessionWork, .marker, .rootStats, .rootErrors, .userStats, .sessionStats: .server
    case .root, .area, .user, .year, .month, .temp, .uploads, .session, .workspace: .server
    }
  }

  /// Who moves the bytes of a file that is being opened.
  func service(of inode: OpenInode, isWriter: Bool) -> OpenedFile.Service {
    if let backing = inode.backing { return .passthrough(backing: backing) }
    // What is written once and read by nobody need not go through the page cache on its way.
    return inode.chunk != nil && isWriter ? .direct : .cached
  }

  /// The backing id for a file's first open, where the kernel is to serve it.
  func backing(_ descriptor: CInt, for place: Place, isWriter: Bool, _ notifier: KernelNotifier?) -> Int32? {
    guard choice(for: place) == .kernel, let notifier, notifier.passthroughAvailable,
      !fellBack.load(ordering: .relaxed), !(isWriter && freeSpace.isScarce())
    else { return nil }
    do throws(Errno) {
      return try freeSpace.withoutReserve(isBrief: place != .workspaceEntry) { () throws(Errno) in
        try notifier.registerBacking(descriptor)
      }
    } catch {
      // Once refused, always: a mix of both ways on one file is an error in the kernel.
      if !fellBack.exchange(true, ordering: .relaxed) {
        logger.notice(
          "the kernel serves no file by itself here, all bytes go through the server", metadata: ["error": "\(error)"])
      }
      return nil
    }
  }
}
