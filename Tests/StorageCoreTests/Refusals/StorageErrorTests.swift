import StorageCore
import SystemPackage
import Testing

@Suite("A refusal")
struct StorageErrorTests {
  private static let table: [(StorageError, Errno)] = [
    (.nameTooLong(length: 300), .fileNameTooLong),
    (.notUTF8("a"), .illegalByteSequence),
    (.badName("13", rule: "month must be 01 to 12, not 13"), .invalidArgument),
    (.notHere("a", rule: "a month folder holds files only"), .notPermitted),
    (.crossesPlaces(rule: "copy the chunk"), .improperLink),
    (.readOnly(".stats"), .permissionDenied),
    (.reserved(".stats"), .notPermitted),
    (.chunkSpelledTwice("chunk_07", present: "chunk_7"), .fileExists),
    (.chunksMissing("missing chunk 3"), .noData),
    (.wrongSize(expected: 3, actual: 2), .badMessage),
    (.wrongDigest(expected: "a", actual: "b"), .badMessage),
    (.targetExists("images/user-7/2026/11/a.dcm"), .fileExists),
    (.chunkOpen("chunk_3"), .resourceBusy),
    (.completing("images/user-7/2026/11/a.dcm"), .resourceBusy),
    (.completed("images/user-7/2026/11/a.dcm"), .notPermitted),
    (.badMarker("the marker is not UTF-8"), .invalidArgument),
    (.badTarget("'images' is no place for an image"), .invalidArgument),
    (.refusedBefore(.noData), .noData),
    (.inUse("the mount at /mnt"), .resourceBusy),
    (.notAStorageRoot("/etc"), .noSuchFileOrDirectory),
    (.reserveReached(kept: 64 << 20), .noSpace),
    (.system(.noSpace, doing: "writing"), .noSpace),
    (.system(.diskQuotaExceeded, doing: "writing"), .diskQuotaExceeded),
  ]

  @Test("has the errno that the contract names", arguments: table)
  func errnos(error: StorageError, errno: Errno) {
    #expect(error.errno == errno)
  }

  @Test("has a sentence of one line that begins small and names what it is about", arguments: table.map(\.0))
  func sentences(error: StorageError) {
    #expect(error.advice.utf8.count > 8)
    #expect(!error.advice.contains { $0.isNewline })
    #expect("\(error)" == error.advice)
    #expect(error.advice.last != ".")
  }

  @Test("says what the user can do about trouble from below")
  func hints() {
    #expect(StorageError.system(.noSpace, doing: "writing a").advice.hasPrefix("writing a: "))
    #expect(StorageError.system(.noSpace, doing: "writing").advice.contains("free space"))
    #expect(StorageError.system(.diskQuotaExceeded, doing: "writing").advice.contains("quota"))
    #expect(StorageError.system(.readOnlyFileSystem, doing: "writing").advice.contains("read-only"))
  }

  @Test("names its numbers")
  func symbols() {
    #expect(Errno.invalidArgument.symbol == "EINVAL")
    #expect(Errno.noData.symbol == "ENODATA")
    #expect(Errno.badMessage.symbol == "EBADMSG")
    #expect(Errno.illegalByteSequence.symbol == "EILSEQ")
    #expect(Errno(rawValue: 9999).symbol == "errno 9999")
  }

  @Test("keeps the errno of a system call that failed")
  func wrapped() {
    #expect(throws: StorageError.system(.noSpace, doing: "writing")) {
      try StorageError.wrap("writing") { () throws(Errno) in throw .noSpace }
    }
    #expect(throws: Never.self) { try StorageError.wrap("writing") { () throws(Errno) in 7 } == 7 }
  }
}
