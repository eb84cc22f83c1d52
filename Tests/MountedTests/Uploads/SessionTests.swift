import Glibc
import Testing

/// A session from its mkdir to its end.
@Suite("A session", .mounting, .timeLimit(.minutes(15)))
struct SessionTests {
  private static let target = "images/user-7/2026/11/a.dcm"

  @Test("Its .stats tell its state, chunks, bytes, gaps, last activity and error, one key a line")
  func stats() throws {
    try withMount { m in
      let upload = try Upload(m)
      let text = try Files.text(upload[".stats"])
      for key in ["state", "chunks", "bytes", "missing", "lastActivity", "error"] {
        let lines = text.split(separator: "\n").filter { $0.contains("\"\(key)\":") }
        #expect(lines.count == 1, "\(key) in \(text)")
      }
      var stats = try upload.stats()
      #expect(stats.state == "receiving" && stats.chunks == 0 && stats.bytes == 0)
      #expect(stats.missing.isEmpty && stats.error == nil)
      try upload.write([1, 2, 3], to: "chunk_2")
      stats = try upload.stats()
      #expect(stats.chunks == 1 && stats.bytes == 3 && stats.missing == [0, 1])
      #expect(upload.mark(Self.target) == ErrnoName(ENODATA))
      #expect(try upload.stats().error?.contains("ENODATA") ?? false)
      try upload.write([], to: "chunk_0")
      try upload.write([9], to: "chunk_1")
      #expect(upload.mark(Self.target) == ErrnoName(0))
      stats = try upload.stats()
      #expect(stats.state == "complete" && stats.chunks == 3 && stats.bytes == 4 && stats.error == nil)
      #expect(try Files.stat(upload[".stats"]).st_size == off_t(try Files.read(upload[".stats"]).count))
      #expect(try !upload.names().contains(".stats"), "it answers by name only")
    }
  }

  @Test("The root's .stats count sessions that are active and completed")
  func counted() throws {
    try withMount { m in
      let first = try Upload(m, "first")
      let second = try Upload(m, "second")
      try first.fill()
      try second.fill()
      #expect(try m.countedStats().sessions == Stats.Sessions(active: 2, completed: 0))
      #expect(first.mark(Self.target) == ErrnoName(0))
      #expect(try m.countedStats().sessions == Stats.Sessions(active: 1, completed: 1))
      try m.remount()
      #expect(try m.countedStats().sessions == Stats.Sessions(active: 1, completed: 1))
      try m.sh("rm -r \"$M/temp/uploads\"/*")
      #expect(try m.countedStats().sessions == Stats.Sessions(active: 0, completed: 0))
    }
  }

  @Test("rm -r aborts it at any time and frees all")
  func aborted() throws {
    try withMount { m in
      for step in 0..<4 {
        let upload = try Upload(m, "s\(step)")
        if step > 0 { try upload.fill() }
        if step > 1 { try upload.write([1], to: ".chunk_3.tmp") }
        if step > 2 { #expect(upload.mark("{") == ErrnoName(EINVAL)) }
        try m.sh("rm -r \"$M/\(upload.path)\"")
        #expect(!Files.exists(m[upload.path]) && !Files.exists(m.stored(upload.path)))
      }
      let stats = try m.countedStats()
      #expect(stats.fileCount == 0 && stats.totalSize == 0 && stats.sessions.active == 0)
    }
  }

  @Test("Aborted while a chunk is open, the writer's bytes go nowhere")
  func abortedWhileOpen() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      let descriptor = try Files.open(upload["chunk_9"], O_CREAT | O_WRONLY)
      try m.sh("rm -r \"$M/\(upload.path)\"")
      try Files.write([1, 2, 3], to: descriptor)
      Files.close(descriptor)
      #expect(!Files.exists(m[upload.path]))
      let again = try Upload(m)
      #expect(try again.stats().chunks == 0)
      try m.expectStatsAsWalked()
    }
  }

  @Test("rmdir of one with chunks is ENOTEMPTY, of an empty one and of a finished one it works")
  func rmdirs() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      #expect(errnoOf { rmdir(m[upload.path]) } == ErrnoName(ENOTEMPTY))
      #expect(upload.mark(Self.target) == ErrnoName(0))
      #expect(errnoOf { rmdir(m[upload.path]) } == ErrnoName(0))
      #expect(!Files.exists(m.stored(upload.path)))
      #expect(Files.exists(m[Self.target]))
      _ = try Upload(m)
      #expect(errnoOf { rmdir(m[upload.path]) } == ErrnoName(0))
      try m.expectStatsAsWalked()
    }
  }

  @Test("rm -r of a finished one works, and its image stays")
  func removedWhenFinished() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      #expect(upload.mark(Self.target) == ErrnoName(0))
      try m.sh("rm -r \"$M/\(upload.path)\"")
      #expect(try Files.read(m[Self.target]) == whole)
      let again = try Upload(m)
      #expect(try again.stats().state == "receiving")
    }
  }

  @Test("It survives a remount with its chunks, and completes then")
  func remounted() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill(["chunk_0", "chunk_1"])
      try m.remount()
      var stats = try upload.stats()
      #expect(stats.state == "receiving" && stats.chunks == 2 && stats.bytes == whole.count)
      try upload.write([5], to: "chunk_2")
      #expect(upload.mark(Self.target) == ErrnoName(0))
      try m.remount()
      stats = try upload.stats()
      #expect(stats.state == "complete")
      try upload.expectComplete(Self.target, whole + [5], chunks: 3)
    }
  }

  @Test("It survives the death of the server with its closed chunks")
  func crashed() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      m.killServers()
      try m.mount()
      #expect(upload.mark(Self.target) == ErrnoName(0))
      try upload.expectComplete(Self.target, whole, chunks: 3)
      try m.expectStatsAsWalked()
    }
  }

  @Test("It keeps its name")
  func renamed() throws {
    try withMount { m in
      let upload = try Upload(m)
      try upload.fill()
      try m.refuses(EPERM, at: "temp/uploads/s2", operation: "rename") { rename(m[upload.path], $0) }
      try m.refuses(EPERM, at: "images/user-1", operation: "rename") { rename(m[upload.path], $0) }
      try m.refuses(EPERM, EXDEV, at: "temp/processing/s2", operation: "rename") { rename(m[upload.path], $0) }
    }
  }

  @Test("A finished one goes by itself when its time is over, with its image left")
  func lingers() throws {
    try withMount("--session-linger", "0.01") { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      let active = try Upload(m, "active")
      try active.fill()
      #expect(upload.mark(Self.target) == ErrnoName(0))
      #expect(poll(seconds: 90, every: 50) { !Files.exists(m[upload.path]) }, "the finished session is still there")
      #expect(!Files.exists(m.stored(upload.path)))
      #expect(try Files.read(m[Self.target]) == whole)
      #expect(try active.stats().chunks == 3)
      #expect(try m.countedStats().sessions == Stats.Sessions(active: 1, completed: 0))
    }
  }
}
