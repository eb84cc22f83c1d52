import ArgumentParser
import Glibc
import MammoMount
import StorageCore

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Begins a store, or changes how one that is not mounted is shared.")

  @Argument(help: "The storage root; made where it is missing.")
  var root: String

  @Option(help: "Share the store with the members of a group.")
  var group: String?

  @Option(help: ArgumentHelp("New folders outside temp/processing get this mode (default: 0750).", valueName: "mode"))
  var folderMode: FolderMode?

  @Flag(help: "Begin a new store in the root, whatever is there.")
  var create = false

  func validate() throws {
    guard !root.isEmpty else { throw ValidationError("a folder's path is not empty") }
  }

  func run() throws {
    let groupID = try group.map(Self.number(ofGroup:))
    let path = try MountPoint.resolved(root)
    if let mount = MountPoint.of(root: path) {
      throw Failure("the storage root \(path) is in use by the mount at \(mount.path); unmount that first")
    }
    try MountFolders.checkRoot(path, create ? .wanted : .ifPlain)
    let isNew = try RootGuard(ofRoot: path) != .store
    // Closed from the beginning, if it is to be.
    if groupID != nil { mkdir(path, 0o700) }
    try Target.withStorage(path, onlyToRead: false) { try $0.configure(folderMode: folderMode?.bits, group: groupID) }
    print(
      "\(path) \(isNew ? "is a new store" : "is set")\(group.map { ", shared with the group \($0)" } ?? "")")
  }

  private static func number(ofGroup name: String) throws -> gid_t {
    if let entry = getgrnam(name) { return entry.pointee.gr_gid }
    if let number = gid_t(name), number != .max { return number }
    throw Failure("there is no group \(name); make it with: groupadd \(name)")
  }
}

/// An octal mode on the command line.
struct FolderMode: ExpressibleByArgument {
  let bits: UInt32

  init?(argument: String) {
    guard let bits = UInt32(argument, radix: 8), StoreSettings.isFolderMode(bits) else { return nil }
    self.bits = bits
  }
}
