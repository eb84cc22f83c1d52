/// What a mount can negotiate with the kernel over libfuse's head, with the reason for each.
///
/// libfuse 3.14 does not know these, or never sends them; they are set in its
/// reply to INIT. This is the one place to add another: name it, and put it in
/// ``wanted(passthrough:)``. Only what the kernel offered is ever set.
///
/// `flags` of the reply are the low 32 bits, `flags2` the high ones.
struct InitFlags: OptionSet {
  let rawValue: UInt64

  /// FUSE_WRITEBACK_CACHE. Never wanted: it breaks `O_APPEND`, and the kernel refuses it beside passthrough.
  static let writebackCache = InitFlags(rawValue: 1 << 16)

  /// FUSE_PARALLEL_DIROPS. Lookups within one folder run side by side. libfuse before 3.17.1 never sends it.
  static let parallelDirectoryOperations = InitFlags(rawValue: 1 << 18)

  /// FUSE_HANDLE_KILLPRIV_V2. The kernel does not ask for `security.capability` before each write. Who asks for it
  /// clears set-user-ID, set-group-ID and file capabilities on write, truncate and chown by the unprivileged.
  static let handleKillPrivilegesV2 = InitFlags(rawValue: 1 << 28)

  /// FUSE_INIT_EXT. The kernel looks at `flags2` only where this is set.
  static let extended = InitFlags(rawValue: 1 << 30)

  /// FUSE_PASSTHROUGH, Linux 6.9. The kernel reads and writes backing files by itself.
  static let passthrough = InitFlags(rawValue: 1 << 37)

  /// FUSE_HAS_RESEND, Linux 6.9. Whoever takes over the descriptor may ask for unanswered requests again.
  static let resend = InitFlags(rawValue: 1 << 39)

  /// All that a mount asks for.
  static func wanted(passthrough: Bool, clearsPrivileges: Bool) -> InitFlags {
    var wanted: InitFlags = [.parallelDirectoryOperations, .resend]
    if passthrough { wanted.insert(.passthrough) }
    if clearsPrivileges { wanted.insert(.handleKillPrivilegesV2) }
    return wanted
  }
}
