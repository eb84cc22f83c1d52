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
///
/// A process in the middle of `execve` must not be asked: it closes descriptors
/// while it holds the lock that asking takes, so the close that it waits for
/// would wait for it.
struct DescriptorHolders {
  /// The file's name as the mount shows it: a descriptor that leads to such a name may be a duplicate.
  let name: FileName

  enum Answer {
    case none, some, unknown
  }

  /// Asks the process that opened the file, which for the last close is the one that closes, and its children.
  func amongRelated(closing: pid_t, opener: pid_t) -> Answer {
    // Another process's close is not the last while the opener has it; once the opener is done with it,
    // whoever else has it cannot be told.
    guard closing != 0, closing == opener else { return .unknown }
    var found = count(in: opener)
    guard case .none = found else { return found }
    for child in children(of: opener) {
      found = count(in: child)
      guard case .none = found else { return found }
    }
    return .none
  }

  /// Asks every process. For the marker, which is rare and must not be misjudged.
  ///
  /// - Returns: how many descriptors lead to the file; `nil` where that cannot be told.
  func amongAll(closing: pid_t) -> Int? {
    guard closing != 0, state(of: closing) == .running, let proc = try? Sys.openFile("/proc"),
      let entries = try? FolderStream.all(of: proc)
    else { return nil }
    var found = 0
    for entry in entries {
      guard let process = pid_t(entry.name.description) else { continue }
      switch state(of: process) {
      case .running: found += descriptors(of: process) ?? 0
      case .executing: return nil
      case .kernel, .gone: continue
      }
    }
    return found
  }

  private func count(in process: pid_t) -> Answer {
    switch state(of: process) {
    case .running: descriptors(of: process).map { $0 > 0 ? .some : .none } ?? .unknown
    case .executing: .unknown
    case .kernel, .gone: .none
    }
  }

  private enum ProcessState {
    case running
    /// In `execve`, with its new memory still empty.
    case executing
    case kernel
    case gone
  }

  /// Told from the sizes of the process's memory, which can be read without its locks.
  private func state(of process: pid_t) -> ProcessState {
    guard let file = try? Sys.openFile("/proc/\(process)/statm"), let bytes = try? Sys.readUnsized(file) else {
      return .gone
    }
    // size resident shared text …, in pages
    let fields = bytes.split(separator: UInt8(ascii: " "))
    guard fields.count > 3 else { return .gone }
    let zero: ArraySlice<UInt8> = [UInt8(ascii: "0")]
    if fields[0] == zero { return .kernel }
    return fields[3] == zero ? .executing : .running
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
