import Glibc
import Testing

/// What root's server gives up.
@Suite("The rights of the server", .mounting, .timeLimit(.minutes(15)))
struct ServerRightsTests {
  /// The unit's CapabilityBoundingSet and the server's own are one list.
  private static let numbers: [String: UInt64] = [
    "CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_DAC_READ_SEARCH": 2, "CAP_FOWNER": 3, "CAP_FSETID": 4,
    "CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_MKNOD": 27,
  ]

  /// The `Cap…` and `NoNewPrivs` lines of a thread.
  private func rights(_ process: pid_t, _ thread: String) throws -> [String: UInt64] {
    var rights: [String: UInt64] = [:]
    for line in try Files.text("/proc/\(process)/task/\(thread)/status").split(separator: "\n") {
      let parts = line.split(whereSeparator: \.isWhitespace)
      guard parts.count == 2, parts[0].hasPrefix("Cap") || parts[0] == "NoNewPrivs:" else { continue }
      rights[String(parts[0].dropLast())] = UInt64(parts[1], radix: 16)
    }
    return rights
  }

  @Test("every thread has the capabilities that serving takes and no others, and nothing can give it more")
  func threads() throws {
    let own = try Files.text("/proc/self/status").split(separator: "\n").first { $0.hasPrefix("CapPrm:") }
    let mine = own.flatMap { UInt64($0.drop { $0 != "\t" }.dropFirst(), radix: 16) } ?? 0
    try withMount { m in
      // Work for several threads.
      try m.month()
      try m.sh("for i in 1 2 3 4; do seq 9999 > \"$M/images/user-7/2026/11/$i\" & done; wait")
      let unit = try Files.text("\(Prerequisites.package)/mount-scripts/mammofs@.service")
      let lines = unit.split(separator: "\n").filter { $0.hasPrefix("CapabilityBoundingSet=") }
      // One has a server name a saved user at its start, and is given up then.
      let names = lines.flatMap { $0.drop { $0 != "=" }.dropFirst().split(separator: " ").map(String.init) }
        .filter { $0 != "CAP_SETUID" }
      let listed = names.reduce(UInt64(0)) { $0 | (Self.numbers[$1].map { 1 << $0 } ?? 0) }
      #expect(names.count == Self.numbers.count && listed.nonzeroBitCount == names.count)
      let server = try #require(m.server)
      let threads = try Files.names(in: "/proc/\(server)/task")
      #expect(threads.count > 2)
      for thread in threads {
        let rights = try rights(server, thread)
        #expect(rights["CapPrm"] == listed & mine && rights["CapEff"] == listed & mine, "\(rights)")
        #expect(rights["CapBnd"].map { $0 & ~listed } == 0, "\(rights)")
        #expect(rights["CapInh"] == 0 && rights["CapAmb"] == 0 && rights["NoNewPrivs"] == 1, "\(rights)")
      }
      try m.unmount()
    }
  }

  @Test("Where openat2 is not to be had it serves all the same, and follows no link", .needs("strace"))
  func withoutOpenat2() throws {
    try withoutMount { m in
      // As a kernel before 5.6, or a filter of system calls, would have it.
      try m.sh(
        """
        strace -D -f -qq -o trace -e trace=openat2 -e inject=openat2:error=ENOSYS "$B" mount "$M" --root "$R" 2>> server.log
        mkdir -p "$M/images/user-7/2026/11"
        seq 9999 > "$M/images/user-7/2026/11/a.dcm"
        mkdir "$M/temp/uploads/s"
        cp "$M/images/user-7/2026/11/a.dcm" "$M/temp/uploads/s/chunk_0"
        echo images/user-7/2026/11/b.dcm > "$M/temp/uploads/s/.complete"
        cmp "$R/images/user-7/2026/11/b.dcm" "$M/images/user-7/2026/11/a.dcm"
        mkdir out && ln -s "$D/out" "$R/images/user-8"
        fails mkdir "$M/images/user-8/2026"
        test -z "$(ls out)"
        "$B" unmount "$M"
        grep -q 'openat2.*ENOSYS' trace
        """)
    }
  }
}
