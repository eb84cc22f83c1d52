import SystemPackage
import Testing

@testable import StorageCore

@Suite("What a marker asks for")
struct MarkerTests {
  private func parse(_ text: String) throws -> CompletionRequest { try CompletionRequest(marker: Array(text.utf8)) }

  @Test("nothing asks for a file of the workspace", arguments: ["", "\n", " \t\r\n"])
  func empty(text: String) throws {
    #expect(try parse(text) == CompletionRequest(.workspace))
  }

  @Test(
    "a path is where the chunks go, with or without a leading slash and a newline",
    arguments: [
      "images/user-7/2026/11/a.dcm", "/images/user-7/2026/11/a.dcm", "images/user-7/2026/11/a.dcm\n",
      "  images/user-7/2026/11/a.dcm\r\n",
    ])
  func path(text: String) throws {
    let expected = try StoragePath(parsing: "images/user-7/2026/11/a.dcm")
    #expect(try parse(text) == CompletionRequest(.path(expected)))
  }

  @Test(
    "a path may lead to a thumbnail or into the workspace",
    arguments: [
      "thumbnails/user-7/2026/11/a_thumb.jpg", "temp/processing/a.dcm", "temp/processing/sub/a b.dcm",
    ])
  func elsewhere(text: String) throws {
    #expect(try parse(text).target == .path(StoragePath(parsing: text)))
  }

  @Test("JSON with an ID files the image under the present month")
  func filed() throws {
    let request = try parse(#"{"userId": "7", "imageId": "scan", "extension": "dcm"}"#)
    #expect(request == CompletionRequest(.filed(userID: "7", fileName: "scan.dcm")))
    // The middle of a month, so that it is the same one in every time zone.
    #expect(
      try request.path(session: "S", at: 1_794_744_000).description == "images/user-7/2026/11/scan.dcm")
    #expect(
      try parse(#"{"userId": "7", "imageId": "IM000001"}"#).target == .filed(userID: "7", fileName: "IM000001"))
  }

  @Test("the extension may be given with its dot")
  func dottedExtension() throws {
    let request = try parse(#"{"userId": "7", "imageId": "scan", "extension": ".dcm"}"#)
    #expect(request.target == .filed(userID: "7", fileName: "scan.dcm"))
  }

  @Test(
    "a mark of byte order before it does not count",
    arguments: ["", "images/user-7/2026/11/a.dcm", #"{"path": "images/user-7/2026/11/a.dcm"}"#])
  func byteOrderMark(text: String) throws {
    #expect(try parse("\u{FEFF}" + text) == parse(text))
  }

  @Test("the workspace's file has the session's name")
  func workspace() throws {
    #expect(try CompletionRequest(.workspace).path(session: "S-1", at: 0).description == "temp/processing/S-1")
  }

  @Test("JSON may say how much there is and whether to replace")
  func checks() throws {
    let digest = String(repeating: "aB", count: 32)
    let request = try parse(
      """
      {
        "path": "/images/user-7/2026/11/a.dcm",
        "totalChunks": 3, "size": 5000000000, "sha256": "\(digest)", "overwrite": true
      }
      """)
    #expect(request.target == .path(try StoragePath(parsing: "images/user-7/2026/11/a.dcm")))
    #expect(request.totalChunks == 3)
    #expect(request.size == 5_000_000_000)
    #expect(request.sha256 == digest.lowercased())
    #expect(request.overwrite)
    #expect(try !parse(#"{"path": "temp/processing/a"}"#).overwrite)
  }

  @Test("the order of keys and absent values change nothing")
  func spelling() throws {
    #expect(
      try parse(#"{"imageId":"a","userId":"7","path":null,"size":null,"extension":"dcm"}"#)
        == parse(#"{"userId": "7", "imageId": "a", "extension": "dcm"}"#))
  }

  @Test("a marker may be as long as 64 KiB, and no longer")
  func long() throws {
    let path = "temp/processing/a"
    let longest = path + String(repeating: "\n", count: CompletionRequest.longestMarker - path.utf8.count)
    #expect(try parse(longest).target == .path(StoragePath(parsing: path)))
    refuses(.invalidArgument, says: "65536") { _ = try parse(longest + "\n") }
  }

  @Test("a request is satisfied by the result that it would have had")
  func satisfied() throws {
    let record = CompletionRecord(
      storagePath: "images/user-7/2026/11/a.dcm", size: 30, chunks: 3, sha256: String(repeating: "a", count: 64))
    func isSatisfied(_ text: String) throws -> Bool { try parse(text).isSatisfied(by: record, session: "S") }
    for same in [
      "images/user-7/2026/11/a.dcm", "/images/user-7/2026/11/a.dcm\n",
      #"{"path": "images/user-7/2026/11/a.dcm", "size": 30, "totalChunks": 3, "overwrite": true}"#,
      #"{"userId": "7", "imageId": "a", "extension": "dcm"}"#,
      #"{"userId": "7", "imageId": "a", "extension": "dcm", "sha256": "\#(String(repeating: "A", count: 64))"}"#,
    ] { #expect(try isSatisfied(same), "\(same)") }
    for other in [
      "", "images/user-7/2026/11/b.dcm", "images/user-7/2026/10/a.dcm",
      #"{"path": "images/user-7/2026/11/a.dcm", "size": 31}"#,
      #"{"path": "images/user-7/2026/11/a.dcm", "totalChunks": 2}"#,
      #"{"path": "images/user-7/2026/11/a.dcm", "sha256": "\#(String(repeating: "b", count: 64))"}"#,
      #"{"userId": "8", "imageId": "a", "extension": "dcm"}"#, #"{"userId": "7", "imageId": "a"}"#,
    ] { #expect(try !isSatisfied(other), "\(other)") }
    let inWorkspace = CompletionRecord(storagePath: "temp/processing/S", size: 30, chunks: 3, sha256: nil)
    #expect(CompletionRequest(.workspace).isSatisfied(by: inWorkspace, session: "S"))
    #expect(!CompletionRequest(.workspace).isSatisfied(by: inWorkspace, session: "T"))
  }
}
