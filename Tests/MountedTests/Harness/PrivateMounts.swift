import Glibc
import Testing

extension MountedRoot {
  /// As ``sh(_:_:seconds:sourceLocation:)``, but in a mount namespace of its own: what the script mounts nobody else
  /// sees, and what it leaves mounted goes with its last process.
  ///
  /// `user COMMAND…` runs as an ordinary user, to whom /dev/fuse is open whatever its mode is outside; `$U` is a folder
  /// of that user, and `$B` a copy of the binary that everybody can run.
  func shPrivately(
    _ script: String, _ variables: [String: String] = [:], seconds: Int = 60,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try Files.write(Self.privatePrelude + script + "\n", to: beside("script.sh"))
    try sh(
      "exec unshare --mount --propagation private bash \"$D/script.sh\"", variables, seconds: seconds,
      sourceLocation: sourceLocation)
  }

  private static let privatePrelude = #"""
    set -eu -o pipefail
    fails() { ! "$@"; }
    user() { setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"; }
    # Of a line on standard error and an exit code of 1.
    refused() {
      local status=0
      "$@" 2> "$D/refusal" || status=$?
      cat "$D/refusal"
      test "$status" = 1
      test "$(wc -l < "$D/refusal")" = 1
    }
    # The namespace has copies of other tests' mounts, which would keep their servers from ending.
    while read -r _ _ _ _ place _; do umount -l "$place" || true; done < <(grep ' - fuse' /proc/self/mountinfo)
    export U=$D/user
    mkdir "$U" "$D/dev"
    chown 65534:65534 "$U"
    cp "$B" "$D/mammofs"
    chmod 755 "$D/mammofs"
    B=$D/mammofs
    # The folder of the tests may be on a file system without device nodes.
    mount -t tmpfs -o dev,mode=755 none "$D/dev"
    mknod "$D/dev/fuse" c 10 229
    chmod 666 "$D/dev/fuse"
    mount --bind "$D/dev/fuse" /dev/fuse

    """#
}

extension Trait where Self == ConditionTrait {
  /// Skips where an ordinary user cannot mount.
  static var mountingAsUser: Self {
    let missing = ["unshare", "setpriv", "fusermount3"].filter { !Prerequisites.has($0) }
    if !missing.isEmpty { return .enabled(if: false, "not installed: \(missing.joined(separator: ", "))") }
    return .enabled(if: Prerequisites.fusermountIsRoots, "fusermount3 lacks its set-user-ID bit, or is not root's")
  }
}

extension Prerequisites {
  fileprivate static let fusermountIsRoots: Bool = {
    let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    let path = folders.split(separator: ":").map { "\($0)/fusermount3" as String }.first { access($0, X_OK) == 0 }
    guard let path, let stat = try? Files.stat(path) else { return false }
    return stat.st_uid == 0 && stat.st_mode & S_ISUID != 0
  }()
}
