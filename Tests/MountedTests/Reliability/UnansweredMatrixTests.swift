import FoundationEssentials
import StorageCore
import Testing

/// As ``UnansweredRequestTests``, every operation at every place, and those that have to be refused, too.
///
/// Each is done twice: once undisturbed, and once by a server that is killed when all that is to be seen of the operation
/// is there, and its reply is not. Whoever asked is to be told the same, and the same is to be there afterwards.
@Suite("Every operation at every place, carried out and not answered", .mounting, .needs("python3"))
struct UnansweredMatrixTests {
  @Test(
    "is done once, and whoever asked is told what would have been told", .timeLimit(.minutes(20)))
  func everywhere() throws {
    var places: [String] = []
    var place: Place? = .root
    while let here = place {
      places += try Self.fixtures(of: here).map { fixture in
        String(decoding: try JSONEncoder().encode(fixture), as: UTF8.self)
      }
      place = Self.next(after: here)
    }
    let script =
      MountedRoot.replyHolder + MountedRoot.cells + MountedRoot.operations + MountedRoot.kindsOfRequests
      + MountedRoot.waves + #"""
        all, unanswered = waves(json.loads(os.environ["PLACES"]), os.environ["LONG"] == "1"), 0
        first = int(os.environ["FIRST"])
        for cells in all[first : first + 2]:
            held, differences = run(cells)
            unanswered += held
            assert not differences, "\n".join(differences)
        print(len(all), unanswered)
        """#
    var first = 0
    var count = 1
    var unanswered = 0
    while first < count {
      // After a third death within ten seconds the mount would be given up.
      try withMount { m in
        let said = try m.python(
          script,
          [
            "PLACES": "[\(places.joined(separator: ","))]", "LONG": Prerequisites.isLong ? "1" : "0",
            "FIRST": "\(first)",
          ], seconds: 200
        ).split(separator: " ").compactMap { Int($0) }
        count = said.first ?? 0
        unanswered += said.last ?? 0
      }
      first += 2
    }
    // The others the kernel refuses by itself, or carries out.
    #expect(unanswered > 500, "\(count) waves")
  }

  @Test(
    "What another client has put under a name, once it was free, stays",
    arguments: [
      ("unlink", "os.unlink(month + '/a')", "month + '/a'", ""),
      ("rmdir", "os.rmdir(year + '/12')", "year + '/12/a'", ""),
      ("rename", "os.rename(month + '/a', month + '/c')", "month + '/a'", "assert get(month + '/c') == b'first'"),
      ("rename of a folder", "os.rename(year + '/12', year + '/10')", "year + '/12/a'", "os.rmdir(year + '/10')"),
    ])
  func another(name: String, call: String, path: String, then: String) throws {
    try withMount { m in
      let script =
        MountedRoot.replyHolder + #"""
          year, month, session = M + "/images/user-7/2026", M + "/images/user-7/2026/11", M + "/temp/uploads/s"
          os.makedirs(month), os.mkdir(year + "/12"), os.mkdir(session)
          put(month + "/a", b"first")
          put(session + "/chunk_0", b"second")
          path = eval(os.environ["NAME"])
          os.stat(year + "/12"), os.stat(month + "/a")
          class Client(threading.Thread):
              failure = None
              def __init__(self, call):
                  super().__init__(daemon=True)
                  self.call = call
                  self.start()
              def run(self):
                  try: exec(self.call)
                  except BaseException as error: self.failure = error
          process = server()
          holder = Holder(process)
          one = Client(os.environ["CALL"])
          holder.run({one.native_id: (10, 11, 12, 45)}, lambda: holder.held or not one.is_alive())
          assert one.is_alive(), one.failure
          stored = R + path[len(M):]
          other = Client("put(session + '/.complete', path[len(M):].encode())")
          holder.run({}, lambda: os.path.exists(stored) and get(stored) == b"second")
          holder.kill()
          for client in (one, other):
              client.join(30)
              assert not client.is_alive() and client.failure is None, client.failure
          assert poll(lambda: server() != process)
          assert get(path) == get(stored) == b"second", (get(path), get(stored))
          exec(os.environ["THEN"])
          """#
      try m.python(script, ["CALL": call, "NAME": path, "THEN": then])
      try m.expectStatsAsWalked()
    }
  }

  /// Something at a place, and names beside it: paths in which `{t}` is another for each operation.
  struct Fixture: Encodable {
    let place: String
    var kind = "shared"
    var parent = ""
    let present: String
    let absent: String
    var other: String?
  }

  /// A `switch` without `default`: a new place takes its turn here, and has its fixtures below.
  private static func next(after place: Place) -> Place? {
    switch place {
    case .root: .rootStats
    case .rootStats: .rootErrors
    case .rootErrors: .area(.images)
    case .area(let area): .user(area)
    case .user(let area): .year(area)
    case .year(let area): .month(area)
    case .month(let area): .image(area)
    case .image(let area): .work(area)
    case .work(.images): .area(.thumbnails)
    case .work(.thumbnails): .userStats
    case .userStats: .temp
    case .temp: .uploads
    case .uploads: .session
    case .session: .chunk
    case .chunk: .sessionWork
    case .sessionWork: .marker
    case .marker: .sessionStats
    case .sessionStats: .workspace
    case .workspace: .workspaceEntry
    case .workspaceEntry: nil
    }
  }

  private static func fixtures(of place: Place) -> [Fixture] {
    let session = "temp/uploads/s{t}"
    let inSession = { (kind: String, names: [String]) in
      Fixture(
        place: "\(place)", kind: kind, parent: session, present: "\(session)/\(names[0])",
        absent: "\(session)/\(names[1])", other: "\(session)/\(names[2])")
    }
    func folder(_ parent: String, _ names: [String]) -> Fixture {
      Fixture(
        place: "\(place)", kind: "folder", parent: parent, present: "\(parent)/\(names[0])",
        absent: "\(parent)/\(names[1])", other: "\(parent)/\(names[2])")
    }
    func shared(_ path: String, absent: String, in parent: String = "") -> Fixture {
      Fixture(place: "\(place)", parent: parent, present: path, absent: absent)
    }
    return switch place {
    case .root: [shared("", absent: "new-{t}")]
    case .rootStats: [shared(".stats", absent: ".stats")]
    case .rootErrors: [shared(".errors", absent: ".errors")]
    case .area(let area): [shared("\(area)", absent: "\(area)x")]
    case .user(let area): [folder("\(area)", ["user-{t}", "user-{t}n", "user-{t}o"])]
    case .year(let area): [folder("\(area)/user-{t}", ["2026", "2025", "2024"])]
    case .month(let area): [folder("\(area)/user-{t}/2026", ["11", "12", "10"])]
    case .image(let area): [file(place, area, ["a", "b", "c"].map { $0 + (area == .images ? "" : "_thumb.jpg") })]
    case .work(let area): [file(place, area, [".a", ".b", ".c"])]
    case .userStats:
      [
        Fixture(
          place: "\(place)", kind: "stats", parent: "images/user-{t}", present: "images/user-{t}/.stats",
          absent: "images/user-{t}/.stats")
      ]
    case .temp: [shared("temp", absent: "temp/x")]
    case .uploads: [shared("temp/uploads", absent: "temp/x", in: "temp")]
    case .session: [folder("temp/uploads", ["s{t}", "s{t}n", "s{t}o"])]
    case .chunk: [inSession("chunk", ["chunk_0", "chunk_1", "chunk_2"])]
    case .sessionWork: [inSession("chunk", [".a", ".b", ".c"])]
    case .marker:
      ["receiving", "finished", "unwritten"].map { inSession($0, [".complete", ".complete", "chunk_0"]) }
    case .sessionStats: [inSession("stats", [".stats", ".stats", "chunk_0"])]
    case .workspace: [shared("temp/processing", absent: "temp/x", in: "temp")]
    case .workspaceEntry:
      ["file", "folder", "link"].map { kind in
        let folder = "temp/processing/d{t}"
        return Fixture(
          place: "\(place)", kind: kind, parent: folder, present: "\(folder)/a", absent: "\(folder)/b",
          other: "\(folder)/c")
      }
    }
  }

  private static func file(_ place: Place, _ area: Area, _ names: [String]) -> Fixture {
    let month = "\(area)/user-{t}/2026/11"
    return Fixture(
      place: "\(place)", kind: "file", parent: month, present: "\(month)/\(names[0])", absent: "\(month)/\(names[1])",
      other: "\(month)/\(names[2])")
  }
}
