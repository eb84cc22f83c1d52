import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("What an earlier run left half-done")
struct RecoveryTests {
  private static let image = "images/user-7/2026/11/a.dcm"

  /// Leaves a file in the staging folder; `origin` is what its record says.
  private func stage(_ root: TemporaryRoot, _ name: String, _ bytes: [UInt8], origin: String?) throws {
    let path = ".mammofs/staging/\(name)"
    try root.plant(path, bytes)
    if let origin {
      let file = try Sys.openFile(root[path])
      try Sys.setExtendedAttribute(Layout.originAttribute, of: file, to: Array(origin.utf8))
    }
  }

  /// Leaves a file as a close does: with its final name and, for the moment, its staged one.
  private func publish(
    _ root: TemporaryRoot, _ name: String, _ bytes: [UInt8], size: Int? = nil, as path: String = Self.image,
    recorded: String? = nil
  ) throws {
    try stage(root, name, bytes, origin: "\(size ?? bytes.count) \(recorded ?? path)")
    try root.makeFolder(path.split(separator: "/").dropLast().joined(separator: "/"))
    #expect(link(root[".mammofs/staging/\(name)"], root[path]) == 0)
  }

  /// A root whose last run ended with a power cut.
  private func withPowerCut(_ body: (TemporaryRoot) throws -> Void) throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.remove(".mammofs/usage.json")
      try root.plant(".mammofs/lock", Array("boot 00000000-0000-0000-0000-000000000000\nuser a mount\n".utf8))
      try body(root)
    }
  }

  private func attribute(_ root: TemporaryRoot, _ path: String) throws -> [UInt8]? {
    try? Sys.extendedAttribute(Layout.originAttribute, of: Sys.openFile(root[path]))
  }

  @Test("a rename that was cut off between its two steps is finished", arguments: [true, false])
  func halfRenamed(powerCut: Bool) throws {
    let check = { (root: TemporaryRoot) throws in
      try root.makeFolder("images/user-7/2026/11")
      try stage(root, "41:images%2Fuser-7%2F2026%2F11%2Fa.dcm", [1, 2, 3], origin: nil)
      #expect(link(root[".mammofs/staging/41:images%2Fuser-7%2F2026%2F11%2Fa.dcm"], root[Self.image]) == 0)
      let storage = try root.storage()
      #expect(try root.bytes(Self.image) == [1, 2, 3])
      #expect(try root.stat(Self.image).st_nlink == 1)
      #expect(try root.list(".mammofs/staging") == [])
      #expect(!root.exists("temp/processing/recovered"))
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
    if powerCut { try withPowerCut(check) } else { try TemporaryRoot.with(check) }
  }

  @Test("an image cut off while being written is found in the workspace, and .errors tells where")
  func cutOff() throws {
    try TemporaryRoot.with { root in
      try stage(root, "41", [1, 2, 3], origin: Self.image)
      let storage = try root.storage()
      let recovered = "temp/processing/recovered/41-images-user-7-2026-11-a.dcm"
      #expect(try root.bytes(recovered) == [1, 2, 3])
      #expect(try attribute(root, recovered) == nil)
      #expect(!root.exists(Self.image))
      #expect(try root.list(".mammofs/staging") == [])
      let log = String(decoding: storage.refusals.text, as: UTF8.self)
      #expect(log.contains(" \(Self.image) EIO "))
      #expect(log.contains(recovered))
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("one without a record is found under its number")
  func withoutRecord() throws {
    try TemporaryRoot.with { root in
      try stage(root, "41", [1, 2, 3], origin: nil)
      try root.storage().close()
      let names = try root.list("temp/processing/recovered")
      #expect(names.count == 1)
      #expect(names.allSatisfy { $0.hasPrefix("41-") })
      #expect(try root.list(".mammofs/staging") == [])
    }
  }

  @Test("a cut-off chunk is kept, too")
  func chunk() throws {
    try TemporaryRoot.with { root in
      try root.plant("temp/uploads/S/chunk_0", [1])
      try stage(root, "41", [1, 2, 3], origin: "temp/uploads/S/chunk_1")
      let storage = try root.storage()
      #expect(try root.list("temp/uploads/S") == ["chunk_0"])
      #expect(try root.bytes("temp/processing/recovered/41-temp-uploads-S-chunk_1") == [1, 2, 3])
      try storage.close()
    }
  }

  @Test(
    "where `recovered` is something else it is `recovered-2`, and so on",
    arguments: ["file", "link", "dangling", "stranger"])
  func otherFolder(what: String) throws {
    try withPowerCut { root in
      let name = "temp/processing/recovered"
      func plant(_ name: String) throws {
        switch what {
        case "file": try root.plant(name, [9])
        case "link": try root.makeLink(name, to: "../../images")
        case "dangling": try root.makeLink(name, to: "nowhere")
        default:
          try root.makeFolder(name)
          #expect(chown(root[name], 4321, 4321) == 0)
        }
      }
      try plant(name)
      try plant("\(name)-2")
      try stage(root, "40", [7], origin: "images/user-7/2026/11/b.dcm")
      try publish(root, "41", [1, 2, 3], size: 4096)
      let storage = try root.storage()
      #expect(!root.exists(Self.image))
      #expect(
        try root.list("\(name)-3") == ["40-images-user-7-2026-11-b.dcm", "41-images-user-7-2026-11-a.dcm"])
      #expect(try root.list(".mammofs/staging") == [])
      #expect(try root.list("images") == ["user-7"])
      #expect(!root.exists("temp/processing/nowhere"))
      if what == "stranger" { #expect(try root.list(name) == []) }
      #expect(String(decoding: storage.refusals.text, as: UTF8.self).contains("\(name)-3/41-images"))
      try storage.close()
    }
  }

  @Test("a torn image for which there is no place loses its name, and has one after the next start")
  func noFolder() throws {
    try withPowerCut { root in
      try publish(root, "41", [1, 2, 3], size: 4096)
      for number in 1...1000 {
        try root.plant("temp/processing/recovered" + (number == 1 ? "" : "-\(number)"), [])
      }
      try root.storage().close()
      #expect(!root.exists(Self.image))
      #expect(try root.list(".mammofs/staging") == ["41"])
      try root.remove("temp/processing/recovered")
      try root.storage().close()
      #expect(!root.exists(Self.image))
      #expect(try root.list("temp/processing/recovered").count == 1)
    }
  }

  @Test("what can be made again goes")
  func disposable() throws {
    try TemporaryRoot.with { root in
      try stage(root, "41", [1, 2, 3], origin: Origin.disposable.path)
      try root.storage().close()
      #expect(try root.list(".mammofs/staging") == [])
      #expect(try root.list("temp/processing") == [])
    }
  }

  @Test("two runs' files of one name are kept apart, and new numbers follow the old")
  func numbers() throws {
    try TemporaryRoot.with { root in
      try stage(root, "41", [1], origin: Self.image)
      try root.storage().close()
      try stage(root, "42", [2], origin: Self.image)
      try stage(root, "18000000000000000000", [3], origin: Self.image)
      let storage = try root.storage()
      #expect(try root.list("temp/processing/recovered").count == 3)
      #expect((UInt64(try storage.staging.nextName().description) ?? 0) > 18_000_000_000_000_000_000)
      try storage.close()
    }
  }

  @Test("a tool's temporary file stays where it is in the mount")
  func workName() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("images/user-7/2026/11")
      try stage(root, "41", [1, 2, 3], origin: "images/user-7/2026/11/.a.dcm.Xy12Ab")
      let storage = try root.storage()
      let month = FileIdentity(try root.stat("images/user-7/2026/11"))
      #expect(storage.pending.staged(".a.dcm.Xy12Ab", in: month) == "41")
      #expect(try storage.getStorageStats().temp == Tally(size: 3, count: 1))
      #expect(try storage.getStorageStats().images == Tally())
      // It ages like other temporary files.
      #expect(storage.cleanupTempFiles(at: Clock.now() + 48 * 3600).deleted == 1)
      #expect(try root.list(".mammofs/staging") == [])
      #expect(try storage.getStorageStats().temp == Tally())
      try storage.close()
    }
  }

  @Test("a published file keeps its name after the server alone had ended")
  func published() throws {
    try TemporaryRoot.with { root in
      try root.storage().close()
      try root.remove(".mammofs/usage.json")
      try publish(root, "41", [1, 2, 3])
      let storage = try root.storage()
      #expect(try root.bytes(Self.image) == [1, 2, 3])
      storage.waitUntilCounted()
      #expect(try storage.getStorageStats().images == Tally(size: 3, count: 1))
      try storage.close()
      #expect(try root.stat(Self.image).st_nlink == 1)
      #expect(try attribute(root, Self.image) == nil)
      #expect(try root.list(".mammofs/staging") == [])
    }
  }

  @Test("a published file that is whole keeps its name after a power cut")
  func whole() throws {
    try withPowerCut { root in
      try publish(root, "41", [1, 2, 3])
      try publish(root, "42", [], as: "images/user-7/2026/11/empty")
      try root.storage().close()
      #expect(try root.bytes(Self.image) == [1, 2, 3])
      #expect(try root.bytes("images/user-7/2026/11/empty") == [])
      #expect(try root.list(".mammofs/staging") == [])
      #expect(try root.list("temp/processing") == [])
    }
  }

  @Test("a published file that is torn loses its name after a power cut and is found in the workspace")
  func torn() throws {
    try withPowerCut { root in
      try publish(root, "41", [1, 2, 3], size: 4096)
      let storage = try root.storage()
      #expect(!root.exists(Self.image))
      #expect(try root.bytes("temp/processing/recovered/41-images-user-7-2026-11-a.dcm") == [1, 2, 3])
      #expect(try Walk(storage.getStorageStats()) == Walk(of: root))
      try storage.close()
    }
  }

  @Test("a published file with a hole was torn, too")
  func hole() throws {
    try withPowerCut { root in
      try publish(root, "41", [])
      #expect(truncate(root[Self.image], 1 << 20) == 0)
      let file = try Sys.openFile(root[Self.image])
      try Sys.setExtendedAttribute(Layout.originAttribute, of: file, to: Array("1048576 \(Self.image)".utf8))
      try root.storage().close()
      #expect(!root.exists(Self.image))
      #expect(try root.list("temp/processing/recovered").count == 1)
    }
  }

  @Test("a torn file is found though a folder on the way was renamed since")
  func renamedFolder() throws {
    try withPowerCut { root in
      try publish(root, "41", [1], size: 4096, as: "images/user-8/2026/11/a.dcm", recorded: Self.image)
      // Another file has the place that the record names.
      try root.plant(Self.image, [9])
      try root.storage().close()
      #expect(!root.exists("images/user-8/2026/11/a.dcm"))
      #expect(try root.bytes(Self.image) == [9])
      #expect(try root.list("temp/processing/recovered").count == 1)
    }
  }

  @Test("a torn file is found though it is deep in the workspace by now")
  func deep() throws {
    try withPowerCut { root in
      try publish(root, "41", [1, 2, 3], size: 4096)
      try root.withDeepTree(in: "temp/processing") { folder throws in
        try Sys.rename("a.dcm", in: Sys.openFile(root["images/user-7/2026/11"]), to: "a.dcm", in: folder)
        try root.storage().close()
        #expect(try FolderStream.all(of: folder).map(\.name) == ["file"])
        #expect(try root.list("temp/processing/recovered").count == 1)
      }
    }
  }

  @Test("where a file was going is known by its name, too")
  func byName() throws {
    try TemporaryRoot.with { root in
      try stage(root, "41:images%2Fuser-7%2F2026%2F11%2Fa.dcm", [1, 2, 3], origin: nil)
      try stage(root, "42:-", [1, 2, 3], origin: nil)
      let storage = try root.storage()
      #expect(try root.list("temp/processing/recovered") == ["41-images-user-7-2026-11-a.dcm"])
      #expect(try root.list(".mammofs/staging") == [])
      #expect(String(decoding: storage.refusals.text, as: UTF8.self).contains(" \(Self.image) EIO "))
      #expect((UInt64(try storage.staging.nextName().description) ?? 0) > 42)
      try storage.close()
    }
  }

  @Test("a torn image whose path its name tells and whose size its attribute loses its final name", arguments: [2, 3])
  func tornByName(bytes: Int) throws {
    try withPowerCut { root in
      let name = "41:images%2Fuser-7%2F2026%2F11%2Fa.dcm"
      try stage(root, name, Array(repeating: 1, count: bytes), origin: "3")
      try root.makeFolder("images/user-7/2026/11")
      #expect(link(root[".mammofs/staging/\(name)"], root[Self.image]) == 0)
      try root.storage().close()
      #expect(root.exists(Self.image) == (bytes == 3))
      #expect(root.exists("temp/processing/recovered/41-images-user-7-2026-11-a.dcm") == (bytes != 3))
      #expect(try root.list(".mammofs/staging") == [])
    }
  }

  @Test(
    "whatever a record says, nothing outside the workspace is written",
    arguments: [
      "../../outside", "/etc/mammofs-test", "images/../../outside", "", "a\nb", "images/user-7/2026/13/x", "9 ../../x",
    ])
  func planted(origin: String) throws {
    try TemporaryRoot.with { root in
      try stage(root, "41", [1, 2, 3], origin: origin)
      try root.storage().close()
      #expect(try root.list("..") == ["root"])
      #expect(try root.list("") == [".mammofs", "images", "temp", "thumbnails"])
      #expect(try root.list("images") == [])
      #expect(try root.list("temp/processing/recovered").count == 1)
    }
  }

  @Test("a long path is clipped to what a name may have")
  func long() throws {
    try TemporaryRoot.with { root in
      let name = String(repeating: "é", count: 100)
      try stage(root, "41", [1], origin: "images/user-\(name)/2026/11/\(name).dcm")
      try root.storage().close()
      #expect(try root.list("temp/processing/recovered").count == 1)
    }
  }

  @Test("one that cannot be handled stays, and does not keep the rest waiting")
  func unhandled() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder(".mammofs/staging")
      try root.makeLink(".mammofs/staging/40", to: "/etc/passwd")
      try stage(root, "41", [1], origin: Self.image)
      let storage = try root.storage()
      #expect(try root.list(".mammofs/staging") == ["40"])
      #expect(try root.list("temp/processing/recovered").count == 1)
      #expect(String(decoding: storage.refusals.text, as: UTF8.self).contains(".mammofs/staging/40"))
      try storage.close()
    }
  }

  @Test("a start that is cut off itself does not have the next one take what is torn for whole")
  func cutOffAgain() throws {
    try withPowerCut { root in
      // Something in the way of the first start, after it has taken the lock.
      try root.remove(".mammofs/staging")
      try root.plant(".mammofs/staging", [])
      #expect(throws: StorageError.self) { try root.storage() }
      try root.remove(".mammofs/staging")
      try publish(root, "7", [1, 2, 3], size: 4096)
      let storage = try root.storage()
      #expect(!root.exists(Self.image))
      #expect(try root.bytes("temp/processing/recovered/7-images-user-7-2026-11-a.dcm") == [1, 2, 3])
      try storage.close()
    }
  }
}
