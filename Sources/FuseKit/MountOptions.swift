/// How a file system is mounted and served.
public struct MountOptions: Sendable {
  /// What the mount shows as its source (libfuse's `fsname`).
  public var name: String
  /// The mount shows as `fuse.` and this (libfuse's `subtype`).
  public var type: String
  /// Further `-o` options, one each: `ro`, `noatime`, `nodev`, `allow_other`, `default_permissions`, ….
  ///
  /// `allow_other` without `default_permissions` lets anyone read what the kernel has cached: always give both.
  public var options: [String]
  /// Ask the kernel for ``OpenedFile/Service-swift.enum/passthrough(backing:)``.
  public var passthrough: Bool
  /// The file system clears set-user-ID and set-group-ID, and file capabilities where it keeps any, when somebody
  /// other than root writes, truncates or gives a file away; the kernel then need not ask before each write.
  public var clearsPrivileges: Bool
  /// So many threads are started as soon as they are needed. More are started only where all of these block.
  public var workers: Int
  /// How often, at most, the leading thread tries to read the next request before it sleeps; 0 never polls.
  ///
  /// Where trying does not pay it is left out, whatever this says; see <doc:FuseKit>.
  public var polling: Int
  /// On a virtual machine, and as root: have idle processors poll instead of halting while requests come closely, so that
  /// callers wake at once; see <doc:FuseKit>. For all processors of the machine.
  public var keepsProcessorsReady: Bool
  /// Counts the requests that were read, for somebody who watches whether the server still reads.
  public var progress: ProgressCounter?

  /// Options of a mount; `name` and `type` are all that a mount must have.
  public init(
    name: String, type: String, options: [String] = [], passthrough: Bool = false,
    clearsPrivileges: Bool = false, workers: Int = 64, polling: Int = 1000,
    keepsProcessorsReady: Bool = false
  ) {
    self.name = name
    self.type = type
    self.options = options
    self.passthrough = passthrough
    self.clearsPrivileges = clearsPrivileges
    self.workers = workers
    self.polling = polling
    self.keepsProcessorsReady = keepsProcessorsReady
  }

  /// The argument of `-o`.
  var argument: String {
    let values = ["fsname=" + MountOptions.escape(name), "subtype=" + MountOptions.escape(type)]
    return (values + options).joined(separator: ",")
  }

  /// libfuse splits at commas and takes what follows a backslash as it is.
  static func escape(_ value: String) -> String {
    var escaped = ""
    for character in value.unicodeScalars {
      if character == "," || character == "\\" { escaped.unicodeScalars.append("\\") }
      escaped.unicodeScalars.append(character)
    }
    return escaped
  }
}
