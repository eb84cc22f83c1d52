import Glibc
import Testing

/// What the tests need of the machine, and what is said where it is not here.
enum Prerequisites {
  /// The package's folder.
  static let package: String = {
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    parts.removeLast(4)
    return parts.joined(separator: "/")
  }()

  static let binary: String = environment("MAMMOFS_BINARY") ?? "\(package)/.build/release/mammofs"

  static let isLong = environment("MAMMOFS_LONG") == "1"

  /// A folder with real DICOM files, where there is one.
  static let samples: String? = [environment("MAMMOFS_SAMPLES"), "\(package)/../shared/samples"]
    .compactMap { $0 }.first { isFolder($0) && !dicomFiles(in: $0).isEmpty }

  static func dicomFiles(in folder: String) -> [String] {
    ((try? Files.names(in: folder)) ?? []).filter { $0.hasSuffix(".dcm") }
  }

  /// What stands in the way of mounting at all.
  static let obstacle: String? =
    if access("/dev/fuse", R_OK | W_OK) != 0 {
      "there is no /dev/fuse that can be opened"
    } else if geteuid() != 0 {
      "the tests of the mount run as root"
    } else if access(binary, X_OK) != 0 {
      "there is no binary: build for release, or set MAMMOFS_BINARY (looked for \(binary))"
    } else {
      nil
    }

  static func has(_ tool: String) -> Bool {
    if tool.hasPrefix("/") { return access(tool, X_OK) == 0 }
    let path = environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return path.split(separator: ":").contains { access("\($0)/\(tool)", X_OK) == 0 }
  }

  static let sftpServer: String =
    ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server"].first(where: has)
    ?? "/usr/lib/openssh/sftp-server"

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func isFolder(_ path: String) -> Bool {
    (try? Files.stat(path + "/.").st_mode & S_IFMT == S_IFDIR) ?? false
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips where nothing can be mounted.
  static var mounting: Self {
    .enabled(if: Prerequisites.obstacle == nil, Comment(rawValue: Prerequisites.obstacle ?? "can mount"))
  }

  /// Skips where one of the tools is missing, and names it.
  static func needs(_ tools: String...) -> Self {
    let missing = tools.filter { !Prerequisites.has($0) }.joined(separator: ", ")
    return .enabled(if: missing.isEmpty, Comment(rawValue: "not installed: \(missing)"))
  }

  /// Runs with `MAMMOFS_LONG=1` only.
  static var long: Self { .enabled(if: Prerequisites.isLong, "set MAMMOFS_LONG=1 to run it") }
}
