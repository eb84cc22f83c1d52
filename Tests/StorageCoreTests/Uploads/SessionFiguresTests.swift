import FoundationEssentials
import Testing

@testable import StorageCore

@Suite("The figures of a session")
struct SessionFiguresTests {
  private struct Figures: Decodable, Equatable {
    var state: String
    var chunks: Int
    var bytes: Int64
    var missing: [UInt64]
    var lastActivity: String
    var error: String?
  }

  private func figures(_ session: UploadSession) throws -> Figures {
    try JSONDecoder().decode(Figures.self, from: Data(session.json.utf8))
  }

  @Test("they tell what is there and what is missing")
  func receiving() throws {
    let session = try UploadSession.planted([("chunk_3", 5), ("chunk_1", 7)], lastActivity: 1_794_744_000)
    let figures = try figures(session)
    #expect(figures.state == "receiving")
    #expect(figures.chunks == 2)
    #expect(figures.bytes == 12)
    #expect(figures.missing == [0, 2])
    #expect(figures.lastActivity.hasPrefix("2026-11-1"))
    #expect(figures.lastActivity.utf8.count == 25)
    #expect(figures.error == nil)
  }

  @Test("they tell why the last completion was refused, whatever the sentence holds")
  func refused() throws {
    let session = try UploadSession.planted()
    session.state.change { $0.refuse(.badTarget("a \"quoted\" \\ name\nin two lines"), at: 5) }
    #expect(try figures(session).error == "EINVAL: a \"quoted\" \\ name\nin two lines")
    session.state.change { $0.refuse(.chunksMissing("missing chunk 0"), at: 5) }
    #expect(try figures(session).error == "ENODATA: missing chunk 0")
  }

  @Test("a complete session tells what it was made of")
  func complete() throws {
    let record = CompletionRecord(storagePath: "temp/processing/S", size: 12, chunks: 2, sha256: nil)
    let session = try UploadSession.planted(record: record, lastActivity: 9)
    let figures = try figures(session)
    #expect(figures.state == "complete")
    #expect(figures.chunks == 2)
    #expect(figures.bytes == 12)
    #expect(figures.missing == [])
    #expect(session.waitForRecord() == record)
  }

  @Test("each key has a line of its own")
  func lines() throws {
    let session = try UploadSession.planted([("chunk_1", 1)])
    let lines = session.json.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines.first == "{")
    #expect(lines.suffix(2) == ["}", ""])
    #expect(
      lines.dropFirst().dropLast(2).map { $0.split(separator: "\"")[1] } == [
        "state", "chunks", "bytes", "missing", "lastActivity", "error",
      ])
  }

  @Test("a result reads as JSON, one key a line, and back")
  func result() throws {
    let record = CompletionRecord(
      storagePath: "images/user-ü\"/2026/11/a.dcm", size: 12, chunks: 2, sha256: String(repeating: "0", count: 64))
    #expect(CompletionRecord(json: record.json) == record)
    let text = String(decoding: record.json, as: UTF8.self)
    #expect(text.split(separator: "\n").count == 6)
    #expect(text.contains("images/user-"))
    #expect(CompletionRecord(json: Array("{\"chunks\": 1}".utf8)) == nil)
    #expect(CompletionRecord(json: []) == nil)
  }
}
