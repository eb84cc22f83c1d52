import CLinux
import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("Opening below the storage root")
struct OpenBeneathTests {
  /// `openat2` where the kernel has it, and what stands in for it elsewhere.
  enum Way: CaseIterable {
    case call, byNames

    func open(_ path: String, in folder: borrowing Descriptor, _ flags: CInt) throws(Errno) -> Descriptor {
      let raw =
        switch self {
        case .call: lx_open_beneath(folder.raw, path, flags | O_CLOEXEC, 0o600)
        case .byNames: lx_open_by_names(folder.raw, path, flags | O_CLOEXEC, 0o600)
        }
      guard raw >= 0 else { throw Errno(rawValue: errno) }
      return Descriptor(owning: raw)
    }
  }

  @Test("goes down through folders, and nowhere else", arguments: Way.allCases)
  func paths(way: Way) throws {
    try TemporaryRoot.with { root in
      try root.plant("../secret/keys", [1, 2, 3])
      try root.plant("a/b/file", [7])
      try root.makeLink("a/out", to: root.outside + "/secret")
      try root.makeLink("a/up", to: "..")
      try root.makeLink("a/b/link", to: "file")
      try root.makeLink("a/process", to: "/proc/self/cwd")
      let folder = try Sys.openBeneathNothing(root.path)
      func refused(_ path: String, _ flags: CInt = O_RDONLY) -> Errno? {
        do throws(Errno) {
          _ = try way.open(path, in: folder, flags)
          return nil
        } catch {
          return error
        }
      }
      #expect(try Sys.readAll(way.open("a/b/file", in: folder, O_RDONLY), limit: 9) == [7])
      #expect(refused("a/b", O_RDONLY | O_DIRECTORY) == nil)
      for path in ["a/out/keys", "a/up/a/b/file", "a/b/link", "a/process/x"] {
        #expect([.tooManySymbolicLinkLevels, .notDirectory].contains(refused(path)), "\(path)")
      }
      #expect(refused("a/out", O_RDONLY | O_DIRECTORY) == .notDirectory)
      #expect(refused("a/b/link") == .tooManySymbolicLinkLevels)
      for path in ["..", "../secret/keys", "/etc/passwd", "/"] {
        #expect([.improperLink, .resourceTemporarilyUnavailable].contains(refused(path)), "\(path)")
      }
      #expect(refused("a/none") == .noSuchFileOrDirectory)
      #expect(refused("") == .noSuchFileOrDirectory)
      #expect(refused(String(repeating: "x", count: 256)) == .fileNameTooLong)
      // A descriptor of the link itself is what O_PATH asks for.
      #expect(refused("a/out", lx_O_PATH | O_NOFOLLOW) == nil)
      #expect(try Sys.stat(way.open("a/b/new", in: folder, O_RDWR | O_CREAT | O_EXCL)).st_mode & 0o777 == 0o600)
    }
  }

  @Test("a file of the service's own is regular and has one name")
  func own() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("own")
      try root.plant("file", [1])
      try root.plant("twice", [1])
      #expect(link(root["twice"], root["again"]) == 0)
      #expect(mkfifo(root["pipe"], 0o600) == 0)
      let folder = try Sys.openBeneathNothing(root.path)
      _ = try Sys.openOwn("file", in: folder, O_RDWR)
      for name in ["twice", "pipe"] as [FileName] {
        #expect(throws: Errno.invalidArgument) { _ = try Sys.openOwn(name, in: folder, O_RDWR) }
      }
    }
  }
}
