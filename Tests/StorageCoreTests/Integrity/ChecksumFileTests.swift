import Testing

@testable import StorageCore

private let hex = String(repeating: "0a", count: 32)

@Suite("A list of checksums")
struct ChecksumFileTests {
  private static let sha256 = [UInt8](repeating: 10, count: 32)

  private func list(_ text: String, below folder: [FileName] = []) throws -> ChecksumList {
    try ChecksumList(Array(text.utf8), below: folder)
  }

  @Test("is written as sha256sum does, and read again", arguments: ["a.dcm", #"a\b"#, "a\nb", "a\rb", #"\"#, "a  b"])
  func roundTrip(name: String) throws {
    let line = ChecksumFile.line(Self.sha256, Array(name.utf8))
    #expect(line.last == UInt8(ascii: "\n") && line.count { $0 == UInt8(ascii: "\n") } == 1)
    #expect((line.first == UInt8(ascii: "\\")) == name.contains { "\\\n\r".contains($0) })
    let parsed = try #require(ChecksumFile.parse(line.dropLast()))
    #expect(parsed.sha256 == Self.sha256 && parsed.path == Array(name.utf8))
  }

  @Test("has digits of both cases, text and binary marks, comments and ends of lines of other systems")
  func tolerant() throws {
    let path = "images/user-7/2026/11/a.dcm"
    for text in [
      "\(hex)  \(path)", "\(hex.uppercased()) *./\(path)\r\n", "# by hand\n\n\(hex)  \(path)\n",
    ] { #expect(try list(text).entries == [.init(path: Array(path.utf8), sha256: Self.sha256)]) }
    #expect(try list("\(hex)  temp/processing/a\n\(hex)  /etc/passwd\n\(hex)  ../a\n").others == 3)
  }

  @Test(
    "is refused where a line is none",
    arguments: [
      "x", "\(hex)", "\(hex)  ", "\(hex) a", "\(hex.dropLast())  ab", "z\(hex.dropFirst())  a", #"\\#(hex)  a\x"#,
    ])
  func refused(line: String) {
    let fault = #expect(throws: ChecksumList.Fault.self) { try list("\(hex)  images/user-7/2026/11/a\n\(line)") }
    #expect(fault?.line == 2)
  }

  @Test("is in the order of the walk, and of the part that is looked at")
  func order() throws {
    let paths = [
      "images/user-7/2026/11/a", "images/user-7/2026/11/a.dcm", "images/user-7-x/2026/11/a",
      "thumbnails/user-7/2026/11/a_thumb.jpg",
    ]
    let text = paths.reversed().map { "\(hex)  \($0)\n" }.joined()
    #expect(try list(text).entries.map(\.path) == paths.map { Array($0.utf8) })
    #expect(try list(text, below: ["images", "user-7"]).entries.map(\.path) == paths.prefix(2).map { Array($0.utf8) })
    let other = text + "\(String(repeating: "0b", count: 32))  \(paths[0])\n"
    #expect(throws: ChecksumList.Fault.self) { try list(other) }
  }
}
