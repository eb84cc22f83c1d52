internal import Glibc
internal import StorageCore
internal import SystemPackage

/// Finds out whether a close was the last: FUSE tells of each close of a
/// duplicate, but not whether there are more.
///
/// A shell's `echo x > f` closes one duplicate before anything is written, and a
/// forked child closes another when it ends. So where it matters (publishing, the
/// marker), the processes that may hold a duplicate are asked through /proc. When
/// that cannot be told, the release of the file decides, which comes after the
/// last close for certain, but which nobody waits for.
struct DescriptorHolders {
  /// The file's name as the mount shows it: a descriptor that leads to such a name may be a duplicate.
  let name: FileName

  enum Answer {
    case none, some, unknown
  }

  /// Asks the process that closed, the one that opened, and that one's children.
  func amongRelated(closing: pid_t, opener: pid_t) -> Answer {
    guard closing != 0, opener != 0 else { return .unknown }
    var answer = count(in: opener)
    guard case .none = answer else { return answer }
    if closing != opener {
      // A process that is ending has no descriptors left to ask for.
      if case .some = count(in: closing) { return .some }
    }
    for child in children(of: opener) {
      if case .some = count(in: child) { answer = .some }
    }
    return answer
  }

  /// Asks every process. For the marker, which is rare and must not be misjudged.
  ///
  /// - Returns: how many descriptors lead to the file; `nil` where that cannot be told.
  func amongAll(opener: pid_t, closing: pid_t) -> Int? {
    guard closing != 0, let proc = try? Sys.openFile("/proc"), let entries = try? FolderStream.all(of: proc) else {
      return nil
    }
    var found = 0
    for entry in entries {
      guard let process = pid_t(entry.name.description) else { continue }
      found += descriptors(of: process) ?? 0
    }
    return found
  }

  private func count(in process: pid_t) -> Answer {
    guard let found = descriptors(of: process) else { return .unknown }
    return found > 0 ? .some : .none
  }

  /// How many descriptors of a process lead to such a name; `nil` where it may not be asked or is gone.
  private func descriptors(of process: pid_t) -> Int? {
    guard let folder = try? Sys.openFile("/proc/\(process)/fd"), let entries = try? FolderStream.all(of: folder)
    else { return nil }
    let ending: [UInt8] = [UInt8(ascii: "/")] + name.bytes
    return entries.count { entry in
      // One that is closed meanwhile holds nothing.
      guard let target = try? Sys.readSymbolicLink(entry.name, in: folder) else { return false }
      return target.suffix(ending.count).elementsEqual(ending)
    }
  }

  private func children(of process: pid_t) -> [pid_t] {
    guard let file = try? Sys.openFile("/proc/\(process)/task/\(process)/children"),
      let bytes = try? Sys.readUnsized(file)
    else { return [] }
    return bytes.split(separator: UInt8(ascii: " ")).compactMap { pid_t(String(decoding: $0, as: UTF8.self)) }
  }
}
