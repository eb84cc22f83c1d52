import FoundationEssentials
import Glibc
import Testing

/// How many files, and how many bytes in them.
struct Count: Codable, Equatable {
  var size = 0
  var count = 0
}

/// What `.stats` says.
struct Stats: Decodable {
  struct Sessions: Decodable, Equatable {
    let active: Int
    let completed: Int
  }

  let totalSize: Int
  let fileCount: Int
  let availableSpace: Int
  let images: Count
  let thumbnails: Count
  let temp: Count
  let sessions: Sessions
  let users: Int
  let counting: Bool?

  init(json: String) throws { self = try JSONDecoder().decode(Stats.self, from: Data(json.utf8)) }
}

/// What `temp/uploads/S/.stats` says.
struct SessionStats: Decodable {
  /// A number, or a name where the chunks have letters.
  struct Chunk: Decodable, Equatable, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    let name: String

    init(integerLiteral number: Int) { name = "\(number)" }
    init(stringLiteral name: String) { self.name = name }

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      name = try (try? value.decode(Int.self)).map { "\($0)" } ?? "\"\(value.decode(String.self))\""
    }
  }

  let state: String
  let chunks: Int
  let bytes: Int
  let missing: [Chunk]
  let error: String?

  init(json: String) throws { self = try JSONDecoder().decode(SessionStats.self, from: Data(json.utf8)) }
}

/// The result that `.complete` reads as.
struct CompletionResult: Decodable {
  let storagePath: String
  let size: Int
  let chunks: Int
  let sha256: String?

  init(json: String) throws { self = try JSONDecoder().decode(CompletionResult.self, from: Data(json.utf8)) }
}

/// The regular files of the documented tree, counted in the storage root; a file with several names once.
struct Walk {
  var images = Count()
  var thumbnails = Count()
  var temp = Count()
  private var seen: Set<UInt64> = []

  init(of root: String) throws {
    images = try count("\(root)/images")
    thumbnails = try count("\(root)/thumbnails")
    temp = try count("\(root)/temp")
  }

  private mutating func count(_ folder: String) throws -> Count {
    var sum = Count()
    for name in try Files.names(in: folder) {
      let path = "\(folder)/\(name)"
      let stat = try Files.stat(path)
      switch stat.st_mode & S_IFMT {
      case S_IFDIR:
        let inside = try count(path)
        sum.size += inside.size
        sum.count += inside.count
      case S_IFREG:
        if stat.st_nlink > 1, !seen.insert(UInt64(stat.st_ino)).inserted { continue }
        sum.size += Int(stat.st_size)
        sum.count += 1
      default: break
      }
    }
    return sum
  }
}

extension MountedRoot {
  func stats() throws -> Stats { try Stats(json: try Files.text(self[".stats"])) }

  /// Waits until the figures are counted.
  func countedStats() throws -> Stats {
    _ = try poll(seconds: 30) { try stats().counting != true }
    return try stats()
  }

  /// Expects `.stats` to say what a walk of the storage root finds.
  func expectStatsAsWalked(sourceLocation: SourceLocation = #_sourceLocation) throws {
    let stats = try countedStats()
    let walk = try Walk(of: root)
    #expect(stats.counting != true, "still counting", sourceLocation: sourceLocation)
    #expect(stats.images == walk.images, "images", sourceLocation: sourceLocation)
    #expect(stats.thumbnails == walk.thumbnails, "thumbnails", sourceLocation: sourceLocation)
    #expect(stats.temp == walk.temp, "temp", sourceLocation: sourceLocation)
    #expect(
      stats.fileCount == walk.images.count + walk.thumbnails.count + walk.temp.count, sourceLocation: sourceLocation)
    #expect(
      stats.totalSize == walk.images.size + walk.thumbnails.size + walk.temp.size, sourceLocation: sourceLocation)
  }
}
