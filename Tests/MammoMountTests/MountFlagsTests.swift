import SystemPackage
import Testing

@testable import MammoMount

@Suite("Mount options")
struct MountFlagsTests {
  private func handedOn(_ given: String..., privileged: Bool = true) throws -> [String] {
    try MountFlags(given, privileged: privileged).handedOn
  }

  @Test("What the kernel knows is handed on in its order; what is meant for others is dropped")
  func taken() throws {
    #expect(try handedOn() == ["default_permissions", "allow_other"])
    #expect(
      try handedOn("rw,noexec", "noatime,dev,nofail,x-a=b,,user=me,relatime,allow_other,defaults")
        == ["default_permissions", "allow_other", "rw", "noexec", "noatime", "dev"])
    #expect(try handedOn("context=a:b") == ["default_permissions", "allow_other", "context=a:b"])
  }

  @Test("An ordinary user has to ask for allow_other, and cannot lift nodev and nosuid")
  func unprivileged() throws {
    #expect(try handedOn("ro", privileged: false) == ["default_permissions", "ro"])
    #expect(try handedOn("allow_other", privileged: false) == ["default_permissions", "allow_other"])
    for option in ["dev", "suid"] {
      #expect(throws: ServerFailure.self) { try handedOn(option, privileged: false) }
    }
  }

  @Test("ro, sync and dirsync are known; the later one counts")
  func meaning() throws {
    #expect(try MountFlags(["ro"], privileged: true).isReadOnly)
    #expect(try !MountFlags(["ro", "rw"], privileged: true).isReadOnly)
    let both = try MountFlags(["sync,dirsync"], privileged: true)
    #expect(both.isSynchronous && both.namesAreSynchronous && !both.handedOn.contains("sync"))
    #expect(try !MountFlags(["sync,async"], privileged: true).isSynchronous)
  }

  @Test(
    "What cannot be had is named",
    arguments: [
      "nonsense", "fsname=x", "subtype=y", "fsname=", "allow_root", "remount", "uid=0", "max_read=1", "acl", "mand",
      "context", "=",
      "ro=1",
    ])
  func refused(option: String) throws {
    let failure = #expect(throws: ServerFailure.self) { try handedOn("noatime,\(option),noexec") }
    let text = failure?.description ?? ""
    #expect(text.contains("'\(option)'") && !text.contains("noatime") && !text.contains("noexec"), "\(text)")
  }

  @Test("A failed mount says what libfuse and fusermount3 said, and what to do about it")
  func failures() {
    let other = ServerFailure(
      mountingAt: "/m", .notPermitted,
      said: ["fusermount3: option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf\n"])
    #expect(other.description.hasPrefix("cannot mount at /m: fusermount3: option allow_other"))
    #expect(other.description.hasSuffix("or have root put the line user_allow_other into /etc/fuse.conf"))
    let silent = ServerFailure(mountingAt: "/m", .noSuchFileOrDirectory, said: ["", "fuse: "])
    #expect(silent.description == "cannot mount at /m: no such file or directory")
    let label = ServerFailure(
      mountingAt: "/m", .invalidArgument, said: ["fuse: mount failed: Invalid argument"], labels: ["context=x"])
    #expect(label.description.contains("mount failed: Invalid argument; the kernel takes context=x"))
  }
}
