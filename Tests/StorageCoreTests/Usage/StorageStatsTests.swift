import FoundationEssentials
import StorageCore
import Testing

@Suite("The figures of a storage")
struct StorageStatsTests {
  private struct Figures: Decodable, Equatable {
    struct Part: Decodable, Equatable {
      var size: Int64
      var count: Int
    }
    struct Sessions: Decodable, Equatable {
      var active: Int
      var completed: Int
    }
    var totalSize: Int64
    var fileCount: Int
    var availableSpace: Int64
    var images: Part
    var thumbnails: Part
    var temp: Part
    var sessions: Sessions
    var users: Int
    var counting: Bool?
  }

  private var stats: StorageStats {
    var stats = StorageStats()
    stats.images = Tally(size: 5_000_000_000, count: 2)
    stats.thumbnails = Tally(size: 30, count: 3)
    stats.temp = Tally(size: 4, count: 1)
    stats.availableSpace = 7_000_000_000_000
    stats.activeSessions = 8
    stats.completedSessions = 9
    stats.users = 10
    return stats
  }

  @Test("they are JSON")
  func json() throws {
    let figures = try JSONDecoder().decode(Figures.self, from: Data(stats.json.utf8))
    #expect(
      figures
        == Figures(
          totalSize: 5_000_000_034, fileCount: 6, availableSpace: 7_000_000_000_000,
          images: .init(size: 5_000_000_000, count: 2), thumbnails: .init(size: 30, count: 3),
          temp: .init(size: 4, count: 1), sessions: .init(active: 8, completed: 9), users: 10, counting: nil))
  }

  @Test("each key has a line of its own, the documented three first")
  func lines() {
    let lines = stats.json.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines.first == "{")
    #expect(lines.suffix(2) == ["}", ""])
    #expect(
      lines.dropFirst().dropLast(2).map { $0.split(separator: "\"")[1] } == [
        "totalSize", "fileCount", "availableSpace", "images", "thumbnails", "temp", "sessions", "users",
      ])
  }

  @Test("while they are still being counted, they say so")
  func counting() throws {
    var stats = stats
    stats.isCounting = true
    #expect(try JSONDecoder().decode(Figures.self, from: Data(stats.json.utf8)).counting == true)
    #expect(stats.json.contains("\n  \"counting\": true\n"))
  }

  @Test("tallies add up")
  func tallies() {
    let (a, b) = (Tally(size: 5, count: 2), Tally(size: 3, count: 1))
    #expect(a + b == Tally(size: 8, count: 3))
    #expect(a - b == Tally(size: 2, count: 1))
    #expect(Tally() - b == Tally(size: -3, count: -1))
  }
}
