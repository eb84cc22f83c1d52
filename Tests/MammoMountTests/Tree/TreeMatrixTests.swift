import CLinux
import FoundationEssentials
import Glibc
import StorageCore
import SystemPackage
import Testing

@testable import FuseKit
@testable import MammoMount

/// Every operation on every kind of place, without a kernel.
///
/// What each is answered is in `matrix.txt` beside this file, a line for each. `MAMMOFS_RECORD=1` writes the file anew: then
/// look at what has changed, line by line.
@Suite("Every operation on every place")
struct TreeMatrixTests {
  /// Something that is there, at each kind of place.
  private static let present = [
    "", ".stats", ".errors", "images", "images/user-7", "images/user-7/.stats", "images/user-7/2026",
    "images/user-7/2026/11", "images/user-7/2026/11/a.dcm", "images/user-7/2026/11/.work",
    "thumbnails/user-7/2026/11/a_thumb.jpg", "temp", "temp/uploads", "temp/uploads/s", "temp/uploads/s/chunk_0",
    "temp/uploads/s/.work", "temp/uploads/s/.stats", "temp/uploads/done", "temp/uploads/done/.complete",
    "temp/processing", "temp/processing/file", "temp/processing/folder", "temp/processing/full",
    "temp/processing/full/file", "temp/processing/link",
  ]

  /// Names that are free, at each kind of place, and some that no place has.
  private static let absent = [
    "other", "images/user-8", "images/other", "images/user-7/2027", "images/user-7/abc", "images/user-7/2026/12",
    "images/user-7/2026/13", "images/user-7/2026/11/b.dcm", "images/user-7/2026/11/.other",
    "thumbnails/user-7/2026/11/b.dcm", "thumbnails/user-7/2026/11/b_thumb.jpg", "thumbnails/user-7/2026/11/.other",
    "temp/other", "temp/uploads/t", "temp/uploads/-", "temp/uploads/s/chunk_1", "temp/uploads/s/.other",
    "temp/uploads/s/other", "temp/uploads/s/.complete", "temp/uploads/done/chunk_1", "temp/processing/other",
    "temp/processing/folder/other", "images/user-7/2026/11/a.dcm/other", "images/user-7/2026/11/\u{1}",
  ]

  private static func planted() throws -> TreeClient {
    let client = try TreeClient()
    for folder in [
      "images/user-7/2026/11", "thumbnails/user-7/2026/11", "temp/uploads/s", "temp/uploads/done",
      "temp/processing/folder", "temp/processing/full",
    ] {
      try client.makeFolders(folder)
    }
    for file in [
      "images/user-7/2026/11/a.dcm", "images/user-7/2026/11/.work", "thumbnails/user-7/2026/11/a_thumb.jpg",
      "temp/uploads/s/chunk_0", "temp/uploads/s/.work", "temp/processing/file", "temp/processing/full/file",
      "temp/uploads/done/chunk_0",
    ] {
      try client.put(file, file)
    }
    try client.put("temp/uploads/done/.complete", "images/user-7/2026/11/done.dcm")
    try client.makeLink("temp/processing/link", to: "file")
    return client
  }

  private typealias Call = (TreeClient) throws(Errno) -> Void

  private static func calls(on path: String) -> [(String, Call)] {
    [
      ("lookup \(path)", { c throws(Errno) in _ = try c.find(path) }),
      ("list \(path)", { c throws(Errno) in _ = try c.list(path) }),
      ("read \(path)", { c throws(Errno) in _ = try c.get(path) }),
      ("write \(path)", { c throws(Errno) in try c.put(path, "x") }),
      (
        "append \(path)",
        { c throws(Errno) in
          let file = try c.open(path, O_RDWR)
          try c.write([1], to: file, at: 100)
          try c.synchronize(file)
          try c.close(file)
        }
      ),
      ("chmod \(path)", { c throws(Errno) in try c.change(path, AttributeChanges(mode: 0o640)) }),
      ("chown \(path)", { c throws(Errno) in try c.change(path, AttributeChanges(user: 1, group: 1)) }),
      ("utimes \(path)", { c throws(Errno) in try c.change(path, AttributeChanges(modified: .at(timespec()))) }),
      ("truncate \(path)", { c throws(Errno) in try c.change(path, AttributeChanges(size: 3)) }),
      (
        "setxattr \(path)",
        { c throws(Errno) in
          let node = try c.find(path).node
          try c.tree.setExtendedAttribute(TreeClient.name("user.k"), of: node, to: [1], flags: 0, c.caller())
          _ = try c.tree.extendedAttribute(TreeClient.name("user.k"), of: node, c.caller())
          _ = try c.tree.extendedAttributeNames(of: node, c.caller())
          try c.tree.removeExtendedAttribute(TreeClient.name("user.k"), of: node, c.caller())
        }
      ),
      ("readlink \(path)", { c throws(Errno) in _ = try c.tree.readSymbolicLink(c.find(path).node, c.caller()) }),
      ("statfs \(path)", { c throws(Errno) in _ = try c.tree.statistics(of: c.find(path).node, c.caller()) }),
      ("unlink \(path)", { c throws(Errno) in try c.unlink(path) }),
      ("rmdir \(path)", { c throws(Errno) in try c.removeFolder(path) }),
      ("link \(path) temp/processing/other", { c throws(Errno) in try c.link(path, as: "temp/processing/other") }),
    ]
  }

  private static func calls(making path: String) -> [(String, Call)] {
    [
      ("lookup \(path)", { c throws(Errno) in _ = try c.find(path) }),
      ("mkdir \(path)", { c throws(Errno) in try c.makeFolder(path) }),
      ("create \(path)", { c throws(Errno) in try c.put(path, "new") }),
      ("symlink \(path)", { c throws(Errno) in try c.makeLink(path, to: "a") }),
      ("mknod \(path)", { c throws(Errno) in try c.makeNode(path, mode_t(S_IFREG)) }),
      ("mkfifo \(path)", { c throws(Errno) in try c.makeNode(path, mode_t(S_IFIFO)) }),
      ("link temp/processing/file \(path)", { c throws(Errno) in try c.link("temp/processing/file", as: path) }),
      ("unlink \(path)", { c throws(Errno) in try c.unlink(path) }),
      ("rmdir \(path)", { c throws(Errno) in try c.removeFolder(path) }),
    ]
  }

  private static func renames() -> [(String, Call)] {
    var calls: [(String, Call)] = []
    for source in present where !source.isEmpty {
      for target in present + absent where !target.isEmpty && target != source && !target.hasPrefix(source + "/") {
        guard !source.hasPrefix(target + "/") else { continue }
        calls.append(("rename \(source) \(target)", { c throws(Errno) in try c.rename(source, to: target) }))
      }
      for target in present
      where source < target && !target.hasPrefix(source + "/") {
        calls.append(
          ("exchange \(source) \(target)", { c throws(Errno) in try c.rename(source, to: target, flags: 2) }))
      }
    }
    return calls
  }

  @Test("is answered as it is written down, and the figures are those of the tree")
  func matrix() throws {
    let all = Self.present.flatMap(Self.calls(on:)) + Self.absent.flatMap(Self.calls(making:)) + Self.renames()
    var lines: [String] = []
    var unchanged: TreeClient?
    for (name, call) in all {
      // What was refused has changed nothing, and the next call shows it.
      let client = try unchanged ?? Self.planted()
      let answer: String
      do throws(Errno) {
        try call(client)
        answer = "done"
        unchanged = nil
      } catch {
        unchanged = client
        answer = lx_errno_name(error.rawValue).map { String(cString: $0) } ?? "\(error)"
      }
      lines.append("\(name.replacing("\u{1}", with: "\\1")): \(answer)")
      try expectFigures(client, name)
    }
    let path = #filePath.replacing("TreeMatrixTests.swift", with: "matrix.txt")
    if getenv("MAMMOFS_RECORD") != nil {
      try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: path))
    }
    let expected = try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self).split(separator: "\n")
      .map(String.init)
    #expect(lines.count == expected.count)
    for (line, expected) in zip(lines, expected) { #expect(line == expected) }
  }

  /// Compares `.stats` with what is in the storage root.
  private func expectFigures(_ client: TreeClient, _ call: String) throws {
    let stats = try client.storage.getStorageStats()
    var walked = Tally()
    var seen = Set<UInt64>()
    for top in ["images", "thumbnails", "temp", ".mammofs/staging"] {
      for path in try FileManager.default.subpathsOfDirectory(atPath: "\(client.root)/\(top)") {
        var found = stat()
        guard lstat("\(client.root)/\(top)/\(path)", &found) == 0, found.st_mode & S_IFMT == S_IFREG,
          seen.insert(UInt64(found.st_ino)).inserted
        else { continue }
        walked += Tally(size: Int64(found.st_size), count: 1)
      }
    }
    #expect(stats.images + stats.thumbnails + stats.temp == walked, "after \(call)")
  }
}
