import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("What an earlier run left")
struct RunMarkTests {
  private static let image = "images/user-7/2026/11/a.dcm"

  /// Has the lock say something else in one line.
  private func change(_ root: TemporaryRoot, _ line: String, to value: String) throws {
    let lines = String(decoding: try root.bytes(".mammofs/lock"), as: UTF8.self).split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("\(line) ") })
    let changed = lines.map { $0.hasPrefix("\(line) ") ? "\(line) \(value)" : String($0) }
    try root.plant(".mammofs/lock", Array((changed.joined(separator: "\n") + "\n").utf8))
  }

  private func stage(_ root: TemporaryRoot, _ name: String, _ bytes: [UInt8], origin: String? = nil) throws {
    try root.plant(".mammofs/staging/\(name)", bytes)
    guard let origin else { return }
    try Sys.setExtendedAttribute(
      Layout.originAttribute, of: Sys.openFile(root[".mammofs/staging/\(name)"]), to: Array(origin.utf8))
  }

  @Test("is as after a power cut where the disk was mounted anew", arguments: [true, false])
  func disk(mountedAnew: Bool) throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.remove(".mammofs/usage.json")
      try stage(root, "41", [1, 2, 3], origin: "4096 \(Self.image)")
      try root.makeFolder("images/user-7/2026/11")
      #expect(link(root[".mammofs/staging/41"], root[Self.image]) == 0)
      if mountedAnew { try change(root, "disk", to: "7:0 ext4 1") }
      try root.storage().close()
      #expect(root.exists(Self.image) == !mountedAnew)
      #expect(root.exists("temp/processing/recovered/41-images-user-7-2026-11-a.dcm") == mountedAnew)
      // The next one has its own.
      try root.storage().close()
      #expect(!String(decoding: try root.bytes(".mammofs/lock"), as: UTF8.self).contains("disk 7:0 ext4 1\n"))
    }
  }

  @Test("is as after a power cut where nobody can tell whether the disk was mounted anew")
  func unknownDisk() {
    var run = RunMark()
    run.boot = "a"
    #expect(!run.hasCache(of: run))
    run.disk = "7:0 ext4 1"
    #expect(run.hasCache(of: run))
    var before = run
    before.disk = ""
    #expect(!run.hasCache(of: before))
    run.boot = "unknown"
    #expect(!run.hasCache(of: run))
  }

  @Test("finds its folder, though one on the way has another name", arguments: [true, false])
  func folder(byAttribute: Bool) throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.makeFolder("images/user-8/2026/11")
      try root.makeFolder("images/user-7/2026/11")
      let month = try root.stat("images/user-8/2026/11")
      let path = "images/user-7/2026/11/.work"
      if byAttribute {
        try stage(root, "41", [1, 2, 3], origin: "@\(month.st_ino) \(path)")
      } else {
        try stage(root, "41@\(month.st_ino):images%2Fuser-7%2F2026%2F11%2F.work", [1, 2, 3])
      }
      let storage = try root.storage()
      #expect(storage.pending.staged(".work", in: FileIdentity(month)) != nil)
      try storage.close()
    }
  }

  @Test("is where its path says in a copy, whose folders have other numbers")
  func copy() throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.makeFolder("images/user-8/2026/11")
      try root.makeFolder("images/user-7/2026/11")
      let other = try root.stat("images/user-8/2026/11")
      try stage(root, "41@\(other.st_ino):images%2Fuser-7%2F2026%2F11%2F.work", [1, 2, 3])
      try change(root, "files", to: "1 2")
      let storage = try root.storage()
      #expect(storage.pending.staged(".work", in: FileIdentity(try root.stat("images/user-7/2026/11"))) != nil)
      try storage.close()
    }
  }

  @Test("keeps both of two temporary files that claim one name")
  func claims() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("images/user-7/2026/11")
      for name in ["41", "42"] { try stage(root, name, [1, 2, 3], origin: "images/user-7/2026/11/.work") }
      let storage = try root.storage()
      #expect(try root.list(".mammofs/staging").count == 1)
      #expect(try root.list("temp/processing/recovered").count == 1)
      #expect(try Walk(storage.getStorageStats()).temp.count == 2)
      try storage.close()
    }
  }
}
