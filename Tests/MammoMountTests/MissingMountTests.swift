import Testing

@testable import MammoMount

@Suite("A file system that should be mounted and is not")
struct MissingMountTests {
  @Test("is the innermost one wanted, unless something is mounted there or further in")
  func innermost() {
    func missing(_ path: String, wanted: [String], mounted: [String]) -> String? {
      MissingMount.missing(over: path, wanted: wanted, mounted: mounted)
    }
    #expect(missing("/srv/store", wanted: ["/", "/srv"], mounted: ["/", "/proc"]) == "/srv")
    #expect(missing("/srv", wanted: ["/srv"], mounted: ["/"]) == "/srv")
    #expect(missing("/srv/store", wanted: ["/", "/srv"], mounted: ["/", "/srv"]) == nil)
    #expect(missing("/srv/data/store", wanted: ["/srv"], mounted: ["/", "/srv/data"]) == nil)
    #expect(missing("/srv/data/store", wanted: ["/srv", "/srv/data"], mounted: ["/", "/srv"]) == "/srv/data")
    #expect(missing("/srv2/store", wanted: ["/srv"], mounted: ["/"]) == nil)
    #expect(missing("/srv", wanted: ["/srv/data"], mounted: ["/"]) == nil)
  }

  @Test(
    "is read from the table of mounts",
    arguments: [
      ("/dev/sdb1 /srv ext4 defaults 0 2", "/srv"), ("UUID=1\t/a\\040b\txfs noauto", "/a b"),
      ("# /dev/sdb1 /srv ext4", nil), ("/dev/sdb2 none swap sw 0 0", nil), ("/dev/sdb2 /x swap", nil),
      ("/srv/store /mnt/store mammofs nofail 0 0", nil), ("", nil), ("/dev/sdb1", nil),
    ] as [(Substring, String?)])
  func table(line: Substring, place: String?) {
    #expect(MissingMount.place(inTable: line) == place)
  }

  @Test(
    "or from a unit of systemd",
    arguments: [
      ("/srv", "srv.mount"), ("/srv/my-store", "srv-my\\x2dstore.mount"), ("/", "-.mount"),
      ("/.a/b.c_d", "\\x2ea-b.c_d.mount"), ("/ü", "\\xc3\\xbc.mount"),
    ])
  func units(path: String, name: String) {
    #expect(MissingMount.unitName(of: path) == name)
  }
}
