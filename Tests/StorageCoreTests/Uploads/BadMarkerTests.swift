import SystemPackage
import Testing

@testable import StorageCore

@Suite("A marker that cannot be understood, or names no place for an image, is EINVAL")
struct BadMarkerTests {
  private func refused(_ text: String, says: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
    refuses(.invalidArgument, says: says, sourceLocation: sourceLocation) {
      _ = try CompletionRequest(marker: Array(text.utf8))
    }
  }

  @Test(
    "a path to what holds no image",
    arguments: [
      "images", "images/user-7", "images/user-7/2026", "images/user-7/2026/11", "images/user-7/2026/11/.a.dcm",
      "images/user-7/.stats", ".stats", ".errors", "/", "temp", "temp/uploads", "temp/uploads/S", "temp/processing",
      "temp/uploads/S/chunk_0", "temp/uploads/S/.complete", "thumbnails/user-7/2026/11/a.dcm", "etc/passwd",
      ".mammofs/lock", "../outside", "/temp/processing/../../outside", "temp/processing/./a", "hello", "[]", "\"a\"",
      "images/user-7/2026/11/a\nimages/user-7/2026/11/b", "images/user-7/2026/11/a\u{0}", "user-7/2026/11/a.dcm",
    ])
  func noPlace(path: String) {
    refused(path)
    refused(#"{"path": "\#(path)"}"#)
  }

  @Test("the sentence says what is wrong with a name on the way")
  func sentence() {
    refused("images/user-7/2026/13/a.dcm", says: "month must be 01 to 12, not 13")
    refused("images/user-7/26/01/a.dcm", says: "year must be four digits")
    refused("images/7/2026/01/a.dcm", says: "user-ID")
    refused("images/user-7/2026/11/" + String(repeating: "a", count: 256), says: "255")
  }

  @Test(
    "an ID that is no name",
    arguments: [
      #"{"userId": "", "imageId": "a"}"#, #"{"userId": "7", "imageId": ""}"#,
      #"{"userId": "7", "imageId": "", "extension": "dcm"}"#, #"{"userId": "a/b", "imageId": "a"}"#,
      #"{"userId": "7", "imageId": "a/b"}"#, #"{"userId": "7", "imageId": "a", "extension": "d/cm"}"#,
      #"{"userId": ".7", "imageId": "a"}"#, #"{"userId": "7", "imageId": ".a"}"#,
      #"{"userId": "7", "imageId": "a\u0000b"}"#, #"{"userId": "7\n", "imageId": "a"}"#,
      #"{"userId": "7", "imageId": "../../../../a"}"#,
    ])
  func badID(text: String) {
    refused(text)
  }

  @Test(
    "JSON without a target, or with two",
    arguments: [
      "{}", #"{"userId": "7"}"#, #"{"imageId": "a"}"#, #"{"extension": "dcm"}"#, #"{"size": 3}"#,
      #"{"userId": "7", "extension": "dcm"}"#, #"{"path": "temp/processing/a", "userId": "7"}"#,
      #"{"path": "temp/processing/a", "imageId": "a"}"#, #"{"path": "temp/processing/a", "extension": "dcm"}"#,
      #"{"path": "temp/processing/a", "userId": "7", "imageId": "a", "extension": "dcm"}"#,
    ])
  func target(text: String) {
    refused(text)
  }

  @Test(
    "JSON that is none",
    arguments: [
      "{", #"{"path"}"#, #"{"path": "temp/processing/a""#, #"{"path": "temp/processing/a"} x"#,
      #"{"path": "temp/processing/a"}{}"#, "{'path': 'temp/processing/a'}", #"{path: "temp/processing/a"}"#,
      #"{"path": "temp/processing/\ud800"}"#,
    ])
  func noJSON(text: String) {
    refused(text, says: "JSON")
  }

  @Test(
    "values of the wrong kind",
    arguments: [
      #""path": 7"#, #""path": ["temp/processing/a"]"#, #""path": {"path": "temp/processing/a"}"#, #""userId": 7"#,
      #""imageId": true"#,
    ])
  func wrongTarget(field: String) {
    refused("{\(field)}")
  }

  @Test(
    "checks that cannot be met",
    arguments: [
      #""size": -1"#, #""totalChunks": -1"#, #""size": 1.5"#, #""size": "30""#, #""size": 9223372036854775808"#,
      #""size": 1e400"#, #""totalChunks": "3""#, #""totalChunks": [3]"#, #""overwrite": "yes""#, #""overwrite": 1"#,
      #""sha256": """#, #""sha256": "abc""#, #""sha256": 7"#,
      #""sha256": "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz""#,
      #""sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#,
      #""sha256": "ａａａａａａａａａａａａａａａａａａａａa""#,
    ])
  func checks(field: String) {
    refused(#"{"path": "temp/processing/a", \#(field)}"#)
  }

  @Test(
    "a number that is none to count by is not taken for broken JSON",
    arguments: ["6.5", "1180591620717411303424", "1e400"])
  func numbers(number: String) {
    for key in ["size", "totalChunks"] {
      refused(#"{"path": "temp/processing/a", "\#(key)": \#(number)}"#, says: "'\(key)' is not a whole number")
    }
  }

  @Test("bytes that are not UTF-8")
  func notUTF8() {
    for bytes in [[0xFF], Array("temp/processing/".utf8) + [0xC3], [0xFF, 0xFE, 0x7B, 0]] as [[UInt8]] {
      refuses(.invalidArgument, says: "UTF-8") { _ = try CompletionRequest(marker: bytes) }
    }
  }

  @Test("nesting as deep as a marker is long", arguments: ["[", #"{"a":"#])
  func nested(opening: String) {
    let depth = 60_000 / opening.utf8.count
    refused(#"{"path": \#(String(repeating: opening, count: depth))"#)
    refused(#"{"path": "temp/processing/a", "other": \#(String(repeating: opening, count: depth))"#)
  }
}
