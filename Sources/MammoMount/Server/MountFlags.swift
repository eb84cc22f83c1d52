/// The `-o` options of one mount.
///
/// What mount(8) and `/etc/fstab` know is taken: handed on to libfuse and the kernel, or dropped where it means nothing
/// here. What could not be kept is refused, and the sentence names it: a mount that silently is not what was asked for
/// would be worse than none.
package struct MountFlags: Sendable {
  package private(set) var isReadOnly = false
  /// What the mount point holds may be hidden by the mount.
  package private(set) var coversFiles = false
  /// Changes are on disk when their call returns.
  private(set) var isSynchronous = false
  /// Those of names are.
  private(set) var namesAreSynchronous = false
  /// SELinux's; the kernel says no where it has no SELinux.
  private(set) var labels: [String] = []
  /// For libfuse, in the order given: of two that exclude each other the later one counts.
  private(set) var handedOn: [String] = []
  /// `fusermount3` unmounts once no process has the mount any more.
  var unmountsByItself: Bool { handedOn.contains("auto_unmount") }

  /// - Parameters:
  ///   - given: as they were given, several in one text divided by commas.
  ///   - privileged: whether root mounts.
  package init(_ given: [String] = [], privileged: Bool) throws(ServerFailure) {
    // The kernel checks rights, always: otherwise its memory would let everyone at what one may see.
    handedOn = ["default_permissions"]
    // An ordinary user needs user_allow_other in /etc/fuse.conf, and so has to ask for it.
    if privileged { handedOn.append("allow_other") }
    for option in given.flatMap({ $0.split(separator: ",") }) { try take(String(option), privileged) }
    // It goes by way of fusermount3, which insists on nodev and nosuid.
    if unmountsByItself, let lost = handedOn.last(where: { $0 == "dev" || $0 == "suid" }) {
      throw Self.refusal(lost, "auto_unmount rules it out")
    }
  }

  private mutating func take(_ option: String, _ privileged: Bool) throws(ServerFailure) {
    if let equals = option.firstIndex(of: "=") { return try take(option, named: String(option[..<equals])) }
    switch option {
    case "ro", "rw":
      isReadOnly = option == "ro"
      handedOn.append(option)
    // The kernel is not told of sync: it would follow each write with an fsync, which gives half a file its name.
    case "sync", "async": isSynchronous = option == "sync"
    case "nonempty": coversFiles = true
    case "dirsync":
      namesAreSynchronous = true
      handedOn.append(option)
    case "dev", "suid":
      guard privileged else { throw Self.refusal(option, "only root may have it") }
      handedOn.append(option)
    case "allow_other":
      if !privileged { handedOn.append(option) }
    case _ where Self.flags.contains(option): handedOn.append(option)
    case _ where Self.forOthers.contains(option) || Self.isComment(option): return
    // libfuse would turn others away, but the kernel shows them what it remembers.
    case "allow_root": throw Self.refusal(option, "take allow_other, and keep others out by modes")
    case "remount": throw Self.refusal(option, "unmount, and mount again with the new options")
    default: throw Self.unknown(option)
    }
  }

  /// One with a value.
  private mutating func take(_ option: String, named name: String) throws(ServerFailure) {
    if Self.forOthersWithValue.contains(name) || Self.isComment(name) { return }
    if Self.identity.contains(name) { throw Self.refusal(option, "mammofs finds its mounts by it") }
    guard Self.labelNames.contains(name) else { throw Self.unknown(option) }
    labels.append(option)
    handedOn.append(option)
  }

  // MARK: What is known

  /// Those that libfuse and the kernel take as they are.
  private static let flags: Set = [
    "nodev", "nosuid", "exec", "noexec", "noatime", "atime", "auto_unmount", "debug",
  ]

  private static let labelNames: Set = ["context", "fscontext", "defcontext", "rootcontext"]

  private static let identity: Set = ["fsname", "subtype"]

  /// Those that ask nothing of a file system: they are meant for mount(8) and systemd, or they are the default.
  private static let forOthers: Set = [
    "defaults", "default_permissions",
    "auto", "noauto", "nofail", "_netdev", "silent", "loud",
    "user", "nouser", "users", "nousers", "owner", "noowner", "group", "nogroup",
    "noiversion", "nomand", "noacl", "user_xattr", "symfollow",
    // Times of access are the business of the storage root's file system, and follow how that is mounted.
    "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "lazytime", "nolazytime",
  ]

  private static let forOthersWithValue: Set = ["user", "comment", "uhelper", "helper"]

  private static func isComment(_ name: String) -> Bool { name.hasPrefix("x-") || name.hasPrefix("X-") }

  // MARK: Refusals

  private static func refusal(_ option: String, _ reason: String) -> ServerFailure {
    ServerFailure("the mount option '\(option)' cannot be had: \(reason)")
  }

  private static func unknown(_ option: String) -> ServerFailure {
    ServerFailure("the mount option '\(option)' is none that mammofs knows; leave it out")
  }
}
