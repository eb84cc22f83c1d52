internal import FuseKit
internal import Glibc
internal import StorageCore
internal import SystemPackage

extension Credentials {
  /// Those of whoever makes a request.
  init(_ caller: Caller) { self.init(Owner(user: caller.user, group: caller.group), of: caller.process) }

  /// With the supplementary groups of a process, if it is there and is still the user's.
  init(_ owner: Owner, of process: pid_t) {
    self.init(owner: owner, groups: owner.user == 0 ? [] : Self.groups(of: process, owner.user) ?? [])
  }

  /// The kernel says with a request who makes it, but not in which groups he is.
  private static func groups(of process: pid_t, _ user: UInt32) -> Set<gid_t>? {
    guard let file = try? Sys.openFile("/proc/\(process)/status"), let bytes = try? Sys.readUnsized(file) else {
      return nil
    }
    var fields: [Substring: [Substring]] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == "\t" }
      if let key = words.first { fields[key] = Array(words.dropFirst()) }
    }
    // Real, effective, saved, and that for files.
    guard fields["Uid:"]?.last == "\(user)" else { return nil }
    return Set((fields["Groups:"] ?? []).compactMap { gid_t($0) })
  }
}
