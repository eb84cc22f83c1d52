internal import Glibc
internal import StorageCore
internal import SystemPackage

/// Why there is no mount, or no longer: one line for people.
package struct ServerFailure: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }

  init(_ error: StorageError) { self.init(error.description) }

  /// - Parameters:
  ///   - said: what libfuse and `fusermount3` had to say about it.
  ///   - labels: the options that only a kernel with SELinux takes.
  init(mountingAt path: String, _ error: Errno, said: [String], labels: [String] = []) {
    let reasons = said.map(Self.reason).filter { !$0.isEmpty }
    let reason = reasons.isEmpty ? error.description.lowercased() : reasons.joined(separator: "; ")
    var advice = Self.advice(reason)
    if error == .invalidArgument, !labels.isEmpty {
      advice = "; the kernel takes \(labels.joined(separator: ",")) where SELinux runs only"
    }
    self.init("cannot mount at \(path): \(reason)\(advice)")
  }

  /// libfuse writes «fuse: …» before everything.
  private static func reason(_ line: String) -> String {
    var line = line[...]
    if line.hasPrefix("fuse: ") { line = line.dropFirst(6) }
    while line.last.map({ $0.isWhitespace || $0 == "." }) ?? false { line.removeLast() }
    return String(line)
  }

  private static func advice(_ reason: String) -> String {
    if reason.contains("user_allow_other") {
      return "; leave allow_other out, or have root put the line user_allow_other into /etc/fuse.conf"
    }
    if reason.contains("/dev/fuse: Permission denied") {
      return "; mount as root, or have root let everyone open it (chmod 666 /dev/fuse)"
    }
    if reason.contains("exec fusermount3") { return "; install the package fuse3" }
    // Where it is root's, the kernel says no; else it lacks what makes it root's.
    if geteuid() != 0, reason.contains("fusermount3: mount failed: Operation not permitted") {
      return "; fusermount3 must be set-user-ID root (chmod u+s), and the mount not in a user namespace"
    }
    return ""
  }
}
