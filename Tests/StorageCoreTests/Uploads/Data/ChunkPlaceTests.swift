import Glibc
import SystemPackage
import Testing

@testable import StorageCore

@Suite("A chunk's place, as it is noted")
struct ChunkPlaceTests {
  @Test("says with which blocks the chunk is alone")
  func unshared() {
    #expect(ChunkPlace.unshared(of: 0..<8192) == 0..<8192)
    #expect(ChunkPlace.unshared(of: 5000..<20000) == 8192..<16384)
    #expect(ChunkPlace.unshared(of: 5000..<6000).isEmpty)
    #expect(ChunkPlace.unshared(of: 0..<100).isEmpty)
  }

  @Test("tells, of the blocks that it shares, whether they have the chunk's part")
  func edges() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("temp")
      let content = (0..<20000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try root.plant("temp/data", content)
      try root.plant("temp/chunk", [])
      let data = SharedDescriptor(Descriptor(owning: Glibc.open(root["temp/data"], O_RDWR)))
      let chunk = SharedDescriptor(try Sys.openFile(root["temp/chunk"]))
      try ChunkPlace(5000, size: 10000, in: data).note(on: chunk)
      let noted = try #require(try ChunkPlace.noted(on: chunk))
      #expect(noted.start == 5000)
      #expect(noted.hasEdges(size: 10000, in: data))
      // A neighbour's part.
      try Sys.writeAll(data, at: 4999, [1])
      try Sys.writeAll(data, at: 15000, [1])
      #expect(noted.hasEdges(size: 10000, in: data))
      // Its own.
      try Sys.writeAll(data, at: 14999, [content[14999] &+ 1])
      #expect(!noted.hasEdges(size: 10000, in: data))
    }
  }

  @Test("is without edges where it shares no block, or was noted without")
  func plain() throws {
    try TemporaryRoot.with { root in
      try root.makeFolder("temp")
      try root.plant("temp/data", [UInt8](repeating: 7, count: 8192))
      let data = SharedDescriptor(try Sys.openFile(root["temp/data"]))
      #expect(try ChunkPlace(0, size: 8192, in: data).edges == nil)
      #expect(try ChunkPlace.noted(on: data) == nil)
      try ChunkPlace(start: 4096).note(on: data)
      #expect(try ChunkPlace.noted(on: data) == ChunkPlace(start: 4096))
    }
  }
}
