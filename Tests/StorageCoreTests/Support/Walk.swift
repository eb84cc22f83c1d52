import FoundationEssentials
import Glibc
import SystemPackage

@testable import StorageCore

/// What a walk of the storage root counts, to hold figures against.
struct Walk: Equatable {
  var images = Tally()
  var thumbnails = Tally()
  var temp = Tally()
  var users = 0

  init(_ stats: StorageStats) {
    (images, thumbnails, temp, users) = (stats.images, stats.thumbnails, stats.temp, stats.users)
  }

  init(of root: TemporaryRoot) throws {
    var owners: Set<String> = []
    var seen: Set<FileIdentity> = []
    for path in try FileManager.default.subpathsOfDirectory(atPath: root.path) {
      let names = path.split(separator: "/").map(String.init)
      let stat = try root.stat(path)
      if stat.isFolder, names.count == 2, names[0] == "images" || names[0] == "thumbnails" { owners.insert(names[1]) }
      guard stat.isRegularFile, seen.insert(FileIdentity(stat)).inserted else { continue }
      let tally = Tally(size: Int64(stat.st_size), count: 1)
      switch names[0] {
      case "images": images += tally
      case "thumbnails": thumbnails += tally
      case "temp": temp += tally
      default: break
      }
    }
    users = owners.count
  }
}
