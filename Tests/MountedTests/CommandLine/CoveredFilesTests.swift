import Glibc
import Testing

/// A mount point that is not empty.
@Suite("A mount point with files in it", .mounting, .timeLimit(.minutes(15)))
struct CoveredFilesTests {
  @Test("is refused, with what to do, unless with -o nonempty, by the helper as well")
  func refused() throws {
    try withoutMount { m in
      try Files.write("x", to: "\(m.mountPoint)/forgotten.dcm")
      let helper = "\(Prerequisites.package)/mount-scripts/mount.mammofs"
      let mount = "\"$B\" mount \"$M\" --root \"$R\""
      for (command, status) in [
        (mount, 1), (mount + " --foreground", 1), ("MAMMOFS=\"$B\" \"$H\" \"$R\" \"$M\" -o rw", 32),
      ] as [(String, Int32)] {
        let outcome = try m.run(command, ["H": helper])
        #expect(outcome.status == status && outcome.errors.isOneLine && !m.isMounted, "\(outcome)")
        #expect(outcome.errors.contains("forgotten.dcm") && outcome.errors.contains("-o nonempty"), "\(outcome)")
      }
      #expect(try Files.names(in: m.root).isEmpty)
      for command in [mount + " -o noatime,nonempty", "MAMMOFS=\"$B\" \"$H\" \"$R\" \"$M\" -o nonempty"] {
        try m.sh(command, ["H": helper])
        #expect(!Files.exists(m["forgotten.dcm"]))
        try m.unmount()
        #expect(Files.exists(m["forgotten.dcm"]))
      }
    }
  }

  @Test("beneath a dead mount is refused once that is cleared")
  func beneathDead() throws {
    try withoutMount("-o", "nonempty") { m in
      try Files.write("x", to: "\(m.mountPoint)/forgotten.dcm")
      try m.mount()
      m.killServers()
      let outcome = try m.run("\"$B\" mount \"$M\" --root \"$R\"")
      #expect(outcome.status == 1 && outcome.errors.contains("-o nonempty") && !m.isMounted, "\(outcome)")
    }
  }
}
