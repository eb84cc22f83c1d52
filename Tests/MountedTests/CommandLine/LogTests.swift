import Glibc
import Testing

/// The log of a server in the background, and who moves it away.
@Suite("The log", .mounting, .timeLimit(.minutes(15)))
struct LogTests {
  @Test("SIGHUP to the server or its supervisor opens it anew, for both, and nobody is unmounted", .needs("ps"))
  func reopened() throws {
    try withMount { m in
      try m.sh(
        #"""
        cd "$R/.mammofs"
        server=$(sed -n 's/^process //p' lock)
        for process in $server $(ps -o ppid= -p "$server"); do
          mv log "log.$process"
          kill -HUP "$process"
          for _ in $(seq 500); do test -e log && break; sleep 0.02; done
          test "$(stat -c %a log)" = 640
          "$B" cleanup "$M"
          grep -q cleanup log
          test "$(sed -n 's/^process //p' lock)" = "$server"
        done
        kill -9 "$server"
        timeout 20 ls "$M"
        grep -q 'another takes over' log
        """#)
      #expect(m.isMounted)
    }
  }

  @Test("In the foreground SIGHUP changes nothing")
  func foreground() throws {
    try withoutMount { m in
      try m.sh(
        #"""
        "$B" mount "$M" --root "$R" --foreground 2> said &
        for _ in $(seq 500); do test -e "$M/.stats" && break; sleep 0.02; done
        kill -HUP $!
        "$B" cleanup "$M"
        timeout 20 ls "$M" | grep -q images
        test ! -e "$R/.mammofs/log"
        kill -TERM $!
        wait $!
        """#)
      #expect(!m.isMounted)
    }
  }

  @Test("The recipe for logrotate rotates it", .needs("logrotate"))
  func logrotate() throws {
    try withMount { m in
      let readme = try Files.text("\(Prerequisites.package)/mount-scripts/README.md")
      let parts = readme.split(separator: "```", omittingEmptySubsequences: false)
      let recipe = try #require(parts.first { $0.contains("postrotate") })
      let text = recipe.split(separator: "/srv/mammograms", omittingEmptySubsequences: false).joined(separator: m.root)
      try Files.write(text + "\n", to: m.beside("recipe"))
      try m.sh(
        #"""
        chmod 644 recipe
        logrotate --force --state state recipe
        "$B" cleanup "$M"
        grep -q cleanup "$R/.mammofs/log"
        ls "$R/.mammofs" | grep -q '^log\.1'
        """#)
    }
  }
}
