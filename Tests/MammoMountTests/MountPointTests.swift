import Glibc
import Testing

@testable import MammoMount

@Suite("Paths of mounts")
struct MountPointTests {
  @Test("A path is resolved as far as it can be looked at, and beyond that as it is spelled")
  func resolved() throws {
    var template = Array("/tmp/mammofs-paths.XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let folder = try MountPoint.resolved(
      String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    defer {
      for name in ["link", "absolute", "loop"] { unlink("\(folder)/\(name)") }
      rmdir("\(folder)/a/b")
      rmdir("\(folder)/a")
      rmdir(folder)
    }
    mkdir("\(folder)/a", 0o700)
    mkdir("\(folder)/a/b", 0o700)
    symlink("a/b", "\(folder)/link")
    symlink("\(folder)/a", "\(folder)/absolute")
    symlink("loop", "\(folder)/loop")
    for (path, expected) in [
      ("a/./b", "a/b"), ("link", "a/b"), ("link/..", "a"), ("absolute/b/", "a/b"), ("a//b/../../link", "a/b"),
      ("none/../a", "a"), ("link/none/at/../all", "a/b/none/all"), ("loop", "loop"), ("link/../../absolute", "a"),
    ] {
      #expect(try MountPoint.resolved("\(folder)/\(path)") == "\(folder)/\(expected)", "\(path)")
    }
    #expect(try MountPoint.resolved("/") == "/")
    #expect(try MountPoint.resolved("/../..") == "/")
    #expect(try MountPoint.resolved("x") == "\(MountPoint.resolved("."))/x")
  }

  @Test("What lies in a folder does, and what only begins like it does not")
  func inside() {
    #expect(MountPoint.isPath("/a/b", in: "/a"))
    #expect(MountPoint.isPath("/a", in: "/a"))
    #expect(MountPoint.isPath("/a", in: "/"))
    #expect(!MountPoint.isPath("/ab", in: "/a"))
    #expect(!MountPoint.isPath("/", in: "/a"))
  }

  private func parsed(_ text: String) -> MountLine? { MountLine(text.utf8) }

  @Test("Names that only look the same are different, and a mark behind a slash does not hide it")
  func bytes() throws {
    #expect(!MountPoint.isSame("/a/\u{e9}", "/a/e\u{301}"))
    #expect(!MountPoint.isPath("/a/\u{e9}/b", in: "/a/e\u{301}"))
    #expect(MountPoint.isPath("/a/\u{301}b", in: "/a"))
    #expect(MountPoint.names(of: "/a/\u{301}b") == ["a", "\u{301}b"])
    #expect(try MountPoint.resolved("/none/\u{301}b/../c") == "/none/c")
    #expect(throws: ServerFailure.self) { try MountPoint.resolved("/none/\u{fffd}") }
    let odd = try #require(parsed("61 28 0:51 / /mnt/\u{301}a rw - fuse.mammofs \u{301} rw,user_id=7"))
    #expect(odd.path == "/mnt/\u{301}a" && odd.source == "\u{301}" && odd.user == 7)
  }

  @Test("The kernel's list of mounts is read, blanks and all")
  func parsed() throws {
    let line = try #require(
      parsed("61 28 0:51 / /mnt/a\\040b rw,nosuid shared:1 - fuse.mammofs /srv/x\\134y rw,user_id=7"))
    #expect(line.number == 61 && line.parent == 28 && line.device == "0:51" && line.user == 7)
    let mount = try #require(MountPoint(line))
    #expect(mount.path == "/mnt/a b" && mount.root == "/srv/x\\y")
    let other = try #require(parsed("61 28 8:1 / /mnt rw - ext4 /dev/sda rw"))
    #expect(other.type == "ext4" && other.user == nil && MountPoint(other) == nil)
    #expect(parsed("nonsense") == nil)
  }

  @Test("That a mount has a storage root is believed of root, of the caller and of the root's owner")
  func believed() {
    for (user, owner, caller, isBelieved) in [
      (0, 7, 7, true), (7, 0, 7, true), (7, 7, 0, true), (7, 0, 0, false), (7, nil, 0, false), (7, 8, 9, false),
      (nil, 0, 0, false), (nil, nil, 0, false),
    ] as [(uid_t?, uid_t?, uid_t, Bool)] {
      #expect(MountPoint.isBelieved(user, owner: owner, caller: caller) == isBelieved)
    }
  }
}
