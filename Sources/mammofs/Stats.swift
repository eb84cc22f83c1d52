import ArgumentParser
import MammoMount
import StorageCore
import SystemPackage

struct Stats: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Shows usage figures.")

  @Argument(help: "A mount or a storage root.", completion: .directory)
  var path: String

  @Flag(help: "As JSON, as .stats has it.")
  var json = false

  @Flag(help: "Count anew, as after changes that were made in the storage root beside the mount.")
  var recount = false

  func run() throws {
    let text = try content()
    print(json ? text : Self.table(text), terminator: "")
  }

  /// The JSON text: from the mount, or from a storage root that nobody has mounted.
  private func content() throws -> String {
    switch try Target(path) {
    case .mount(let mount):
      if recount, try !ControlSocket.recount(root: mount.root) {
        throw Failure.unanswered(mount, to: "have it counted anew")
      }
      do {
        let file = try Sys.openFile("\(mount.path)/.stats")
        return String(decoding: try Sys.readUnsized(file), as: UTF8.self)
      } catch {
        throw Failure("cannot read \(mount.path)/.stats: \(error)")
      }
    case .root(let root):
      return try Target.withStorage(root, recounts: recount, onlyToRead: !recount) { storage in
        storage.waitUntilCounted()
        return try storage.getStorageStats().json
      }
    }
  }

  /// A line a figure, sizes as people read them.
  private static func table(_ json: String) -> String {
    var lines: [(String, String)] = []
    for line in json.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let key = parts[0].filter { $0 != "\"" && $0 != " " }
      let numbers = parts[1].split { !$0.isNumber }.compactMap { Int64($0) }
      switch key {
      case "totalSize": lines.append(("total", size(numbers)))
      case "availableSpace": lines.append(("available", size(numbers)))
      case "fileCount": lines.append(("files", "\(numbers.first ?? 0)"))
      case "images", "thumbnails", "temp":
        lines.append((key, "\(size(numbers)) in \(counted(numbers.last ?? 0, "file"))"))
      case "sessions": lines.append((key, "\(numbers.first ?? 0) active, \(numbers.last ?? 0) completed"))
      case "integrity":
        let damaged = numbers.count > 2 ? numbers[2] : 0
        let without = numbers.count > 3 ? numbers[3] : 0
        lines.append(
          (
            key,
            "\(counted(numbers.count > 1 ? numbers[1] : 0, "file")) verified, \(damaged) damaged, \(without) without a digest"
          ))
      case "counting": lines.append((key, "still counting after an unclean stop"))
      default: lines.append((key, numbers.first.map(String.init) ?? ""))
      }
    }
    let width = lines.map(\.0.count).max() ?? 0
    return lines.map { "\($0.0)\(String(repeating: " ", count: width - $0.0.count + 2))\($0.1)\n" }.joined()
  }

  private static func size(_ numbers: [Int64]) -> String { ByteCount(bytes: numbers.first ?? 0).text }
}
