import SystemPackage
import Testing

@testable import StorageCore

@Suite("The log of refusals")
struct RefusalLogTests {
  private func lines(_ log: RefusalLog) -> [Substring] {
    String(decoding: log.text, as: UTF8.self).split(separator: "\n")
  }

  @Test("a line has time, operation, path, errno and a sentence")
  func line() throws {
    let log = RefusalLog()
    log.add(
      operation: "mkdir", path: "images/user-7/2026/13", errno: .invalidArgument,
      advice: "month must be 01 to 12, not 13")
    let line = try #require(lines(log).first)
    let words = line.split(separator: " ", maxSplits: 4)
    #expect(words[0].utf8.count == 25)
    #expect(words[0].contains("T"))
    #expect(words.dropFirst() == ["mkdir", "images/user-7/2026/13", "EINVAL", "month must be 01 to 12, not 13"])
    #expect(log.text.last == 10)
  }

  @Test("the last ones are kept, newest last")
  func ring() {
    let log = RefusalLog(limit: 3)
    #expect(log.text.isEmpty)
    #expect(log.size == 0)
    for number in 1...8 {
      log.add(
        operation: "open", path: "p\(number)", errno: .notPermitted, advice: String(repeating: "x", count: number))
      #expect(log.size == log.text.count)
      let expected = (max(1, number - 2)...number).map { "p\($0)" }
      #expect(lines(log).map { String($0.split(separator: " ")[2]) } == expected)
    }
  }

  @Test("of a long path both ends are there, and the middle is not", arguments: ["d", "é", "漢", "🩻"])
  func longPath(character: String) throws {
    let log = RefusalLog()
    let path = "temp/" + String(repeating: character + "/", count: 500_000) + "the-end"
    log.add(operation: "mkdir", path: path, errno: .invalidArgument, advice: "opening \(path): no")
    #expect(log.size < 4096)
    let words = String(decoding: log.text, as: UTF8.self).split(separator: " ", maxSplits: 4).map(String.init)
    #expect(words.count == 5)
    #expect(words[2].hasPrefix("temp/\(character)/") && words[2].hasSuffix("/\(character)/the-end"))
    #expect(words[2].contains("…") && !words[2].contains("\u{FFFD}"))
    #expect((1000...1024).contains(words[2].utf8.count))
    #expect(words[4].hasPrefix("opening temp/") && words[4].hasSuffix("/the-end: no\n"))
    let short = String(repeating: character, count: 1024 / character.utf8.count)
    #expect(short.clipped(to: 1024) == short)
  }

  @Test("another process goes on with them", arguments: [2, 1000, 2345])
  func inherited(count: Int) {
    let base = UnsafeMutableRawPointer.allocate(byteCount: RefusalMemory.bytes, alignment: 8)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: RefusalMemory.bytes)
    defer { base.deallocate() }
    let first = RefusalLog(RefusalMemory(base))
    for number in 1...count {
      first.add(operation: "open", path: "p\(number)", errno: .notPermitted, advice: "no")
    }
    let second = RefusalLog(RefusalMemory(base))
    #expect(second.text == first.text)
    second.add(operation: "open", path: "next", errno: .notPermitted, advice: String(repeating: "x", count: 3000))
    let third = lines(RefusalLog(RefusalMemory(base)))
    #expect(third.count == min(count + 1, 1000))
    #expect(third.dropLast() == lines(first).suffix(third.count - 1))
    #expect(third.last?.contains(" open next EPERM xxx") == true)
  }

  @Test("whatever a name holds, its refusal is one line")
  func oneLine() {
    let log = RefusalLog()
    log.add(operation: "mkdir", path: "a\nb\u{7F}c\u{1B}[31m", errno: .invalidArgument, advice: "no\r\nlines")
    log.add(operation: "mkdir", path: "a\u{85}b\u{9B}31m", errno: .invalidArgument, advice: "no control characters")
    #expect(lines(log).count == 2)
    #expect(log.size == log.text.count)
    let text = String(decoding: log.text, as: UTF8.self)
    let controls = text.unicodeScalars.filter { $0.properties.generalCategory == .control && $0 != "\n" }
    #expect(controls.isEmpty)
  }

  @Test("many may write at once")
  func concurrent() async {
    let log = RefusalLog(limit: 50)
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<4 {
        group.addTask {
          for number in 0..<100 {
            log.add(operation: "open", path: "\(task)/\(number)", errno: .ioError, advice: "once more")
          }
        }
      }
    }
    #expect(lines(log).count == 50)
    #expect(log.size == log.text.count)
  }
}

@Suite("A refusal that comes again")
struct RepeatedRefusalTests {
  private func bodies(_ ring: RefusalRing) -> [String] {
    String(decoding: ring.text(), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("is counted in its line, which becomes the last")
  func counted() {
    var ring = RefusalRing(limit: 3)
    #expect(ring.add("a", at: 0, "t0") == 1)
    #expect(ring.add("b", at: 1, "t1") == 1)
    #expect(ring.add("a", at: 2, "t2") == 2)
    #expect(ring.add("a", at: 3, "t3") == 1)
    #expect(bodies(ring) == ["t1 b", "t3 a (3 times)"])
    #expect(ring.count == 2 && ring.bytes == ring.text().count)
    ring.add("c", at: 4, "t4")
    ring.add("d", at: 5, "t5")
    ring.add("c", at: 6, "t6")
    #expect(bodies(ring) == ["t3 a (3 times)", "t5 d", "t6 c (2 times)"])
    #expect(ring.bytes == ring.text().count)
  }

  @Test("is a line of its own when the last time is long ago, or many others came between")
  func apart() {
    var ring = RefusalRing(limit: 100)
    ring.add("a", at: 0, "t")
    ring.add("a", at: RefusalRing.memory.seconds + 1, "t")
    #expect(bodies(ring) == ["t a", "t a"])
    for number in 0..<RefusalRing.memory.lines { ring.add("\(number)", at: 100, "t") }
    ring.add("a", at: 100, "t")
    #expect(bodies(ring).count == RefusalRing.memory.lines + 3)
  }

  @Test("is what another process finds, too")
  func inherited() {
    let base = UnsafeMutableRawPointer.allocate(byteCount: RefusalMemory.bytes, alignment: 8)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: RefusalMemory.bytes)
    defer { base.deallocate() }
    let log = RefusalLog(RefusalMemory(base))
    for path in ["a", "b", "c", "a", "b", "a", "a"] {
      log.add(operation: "open", path: path, errno: .notPermitted, advice: "no")
    }
    #expect(log.text == RefusalLog(RefusalMemory(base)).text)
    #expect(String(decoding: log.text, as: UTF8.self).split(separator: "\n").count == 3)
  }

  @Test("A reader gets what was there, and behind it what came since; what he has let go he reads anew")
  func reader() {
    let log = RefusalLog()
    func add(_ path: String) { log.add(operation: "open", path: path, errno: .notPermitted, advice: "no") }
    func read(_ reader: RefusalReader, at offset: Int64) -> [UInt8] {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 8)
      defer { buffer.deallocate() }
      return Array(buffer.prefix(reader.read(at: offset, into: buffer)))
    }
    add("a")
    let reader = RefusalReader(log)
    let first = read(reader, at: 0)
    #expect(first == log.text)
    #expect(read(reader, at: Int64(first.count)).isEmpty)
    add("a")
    add("b")
    #expect(reader.size == Int64(first.count + log.size))
    #expect(read(reader, at: Int64(first.count)) == log.text)
    #expect(read(reader, at: 0) == first + log.text)
    for number in 0..<(2 * RefusalReader.longest / 2000) {
      log.add(operation: "open", path: "\(number)", errno: .notPermitted, advice: String(repeating: "x", count: 2000))
      _ = reader.size
    }
    #expect(read(reader, at: 0) == Array(log.text.prefix(1 << 20)))
  }
}
