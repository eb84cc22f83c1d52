import Glibc
import Testing

/// What the systemd unit leaves the server, tried without systemd.
@Suite("The rights of the service", .mounting, .needs("setpriv"), .timeLimit(.minutes(15)))
struct ServicePrivilegesTests {
  /// The unit's CapabilityBoundingSet, as setpriv spells it.
  private static func capabilities() throws -> [String] {
    let unit = try Files.text("\(Prerequisites.package)/mount-scripts/mammofs@.service")
    let lines = unit.split(separator: "\n").filter { $0.hasPrefix("CapabilityBoundingSet=") }
    return lines.flatMap { line in
      line.drop { $0 != "=" }.dropFirst().split(separator: " ").map { $0.dropFirst("CAP_".count).lowercased() }
    }
  }

  private func withService(without missing: String? = nil, _ body: (MountedRoot) throws -> Void) throws {
    try withoutMount { m in
      let capabilities = try Self.capabilities().filter { $0 != missing }
      #expect(capabilities.count > 5)
      let set = (["-all"] + capabilities.map { "+\($0)" }).joined(separator: ",")
      try m.sh("setpriv --bounding-set \(set) --no-new-privs \(m.mountCommand)")
      try body(m)
    }
  }

  private static let uploads = #"""
    for session in whole pieces empty bad; do
      mkdir "$M/temp/uploads/$session"
      printf a > "$M/temp/uploads/$session/chunk_0"
      printf b > "$M/temp/uploads/$session/chunk_1"
    done
    printf c > "$M/temp/uploads/bad/chunk_3"

    """#

  @Test("With the unit's capabilities every marker completes at its last close, and not before")
  func service() throws {
    try withService { m in
      let month = try m.month()
      try m.sh(
        Self.uploads + #"""
          echo images/user-7/2026/11/a.dcm > "$M/temp/uploads/whole/.complete"
          test "$(cat "$M/images/user-7/2026/11/a.dcm")" = ab
          # Each of the two closes the marker that the shell has open.
          { /bin/echo -n images/user-7/2026/; /bin/echo 11/b.dcm; } > "$M/temp/uploads/pieces/.complete"
          test "$(cat "$M/images/user-7/2026/11/b.dcm")" = ab
          touch "$M/temp/uploads/empty/.complete"
          test "$(cat "$M/temp/processing/empty")" = ab
          printf x > "$M/images/user-7/2026/11/c.dcm"
          test "$(cat "$R/images/user-7/2026/11/c.dcm")" = x
          echo images/user-7/2026/11/d.dcm > marker
          fails cp marker "$M/temp/uploads/bad/.complete"
          test ! -e "$M/images/user-7/2026/11/d.dcm"
          """#)
      // Rights of others, owners, device nodes: what the other capabilities are for.
      try m.sh(
        #"""
        mkdir -m 1777 "$M/temp/processing/all"
        chmod 755 "$M" "$M/temp" "$M/temp/processing"
        setpriv --reuid=65534 --regid=65534 --clear-groups bash -ec 'printf x > "$M/temp/processing/all/theirs"'
        test "$(stat -c %u "$R/temp/processing/all/theirs")" = 65534
        chmod 2640 "$M/temp/processing/all/theirs"
        test "$(stat -c %a "$R/temp/processing/all/theirs")" = 2640
        mknod "$M/temp/processing/null" c 1 3
        test -c "$R/temp/processing/null"
        """#)
      try m.expectStatsAsWalked()
      #expect(try Files.names(in: m[month]) == ["a.dcm", "b.dcm", "c.dcm"])
    }
  }

  @Test("A server that may not look at its callers still completes: content at a close, an empty marker at the last")
  func withoutLooking() throws {
    try withService(without: "sys_ptrace") { m in
      try m.month()
      try m.sh(
        Self.uploads + #"""
          echo images/user-7/2026/11/a.dcm > "$M/temp/uploads/whole/.complete"
          test "$(cat "$M/images/user-7/2026/11/a.dcm")" = ab
          echo images/user-7/2026/11/d.dcm > marker
          fails cp marker "$M/temp/uploads/bad/.complete"
          test ! -e "$M/images/user-7/2026/11/d.dcm"
          touch "$M/temp/uploads/empty/.complete"
          printf x > "$M/images/user-7/2026/11/c.dcm"
          test "$(cat "$M/images/user-7/2026/11/c.dcm")" = x
          """#)
      #expect(poll(seconds: 20) { (try? Files.text(m["temp/uploads/empty/.stats"]))?.contains("complete") ?? false })
      #expect(try Files.text(m["temp/processing/empty"]) == "ab")
      #expect(poll(seconds: 20) { (try? Files.text(m.stored("images/user-7/2026/11/c.dcm"))) == "x" })
      try m.expectStatsAsWalked()
    }
  }
}
