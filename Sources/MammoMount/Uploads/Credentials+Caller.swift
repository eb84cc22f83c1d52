internal import FuseKit
internal import Glibc
internal import StorageCore
internal import SystemPackage

extension Credentials {
  /// Those of whoever makes a request.
  init(_ caller: Caller) {
    self.init(
      owner: Owner(user: caller.user, group: caller.group),
      groups: caller.user == 0 ? [] : Self.groups(of: caller.process, caller.user) ?? [])
  }

  /// As they were noted with a marker's draft.
  init(_ owner: Owner, notedOn draft: SharedDescriptor) {
    let text = (try? Sys.extendedAttribute(Layout.groupsAttribute, of: draft)) ?? []
    self.init(
      owner: owner, groups: Set(String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { gid_t($0) }))
  }

  /// Has a later server know the groups: the process may be gone by then.
  func note(on draft: SharedDescriptor) {
    guard !groups.isEmpty else { return }
    let text = groups.map(String.init).joined(separator: " ")
    // Without attributes that server knows the user and his group.
    try? Sys.setExtendedAttribute(Layout.groupsAttribute, of: draft, to: Array(text.utf8))
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
