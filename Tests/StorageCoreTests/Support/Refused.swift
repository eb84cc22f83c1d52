import StorageCore
import SystemPackage
import Testing

/// Expects a refusal with an errno, whose sentence contains `says`.
func refuses(
  _ errno: Errno, says: String = "", sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  let error = #expect(throws: StorageError.self, sourceLocation: sourceLocation) { try body() }
  guard let error else { return }
  #expect(error.errno == errno, sourceLocation: sourceLocation)
  #expect(error.advice.contains(says), "the sentence is '\(error.advice)'", sourceLocation: sourceLocation)
}
