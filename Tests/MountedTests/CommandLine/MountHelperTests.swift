import Glibc
import Testing

/// The helper that mount(8) and /etc/fstab use.
@Suite("mount.mammofs", .mounting, .timeLimit(.minutes(15)))
struct MountHelperTests {
  private static let helper = "\(Prerequisites.package)/mount-scripts/mount.mammofs"

  private func withHelper(_ body: (MountedRoot) throws -> Void) throws {
    try #require(access(Self.helper, X_OK) == 0, "there is no mount-scripts/mount.mammofs")
    try withoutMount { m in try body(m) }
  }

  private func run(_ arguments: String, _ m: MountedRoot) throws -> Shell.Outcome {
    try m.run("\"$H\" \(arguments) 2>> server.log", ["H": Self.helper, "MAMMOFS": Prerequisites.binary])
  }

  @Test("It mounts with the options of an fstab line, which are not the file system's")
  func fstab() throws {
    try withHelper { m in
      for source in ["\"$R\"", "\"mammofs#$R\"", "\"mammofs:$R\""] {
        let options = "rw,_netdev,nofail,noauto,user,x-systemd.automount,x-systemd.after=a,comment=x,allow_other"
        let outcome = try run("\(source) \"$M\" -o \(options)", m)
        #expect(outcome.status == 0, "\(source): \(outcome)\n\(m.logTail)")
        #expect(m.isMounted)
        #expect(try m.stats().fileCount == 0)
        #expect(try m.sh("grep \" $M \" /proc/self/mounts").contains("allow_other"))
        try m.unmount()
      }
    }
  }

  @Test("Its own options reach the command")
  func ownOptions() throws {
    try withHelper { m in
      let own =
        "no-idle-polling,session-linger=0.01,temp-max-age=48,cleanup-interval=12,scrub-interval=24,scrub-rate=1M,min-free=1M,watchdog=0"
      let outcome = try run("\"$R\" \"$M\" -o \(own) -s -n -v", m)
      #expect(outcome.status == 0, "\(outcome)\n\(m.logTail)")
      let upload = try Upload(m)
      try upload.fill()
      #expect(upload.mark("temp/processing/a") == ErrnoName(0))
      #expect(poll(seconds: 90, every: 50) { !Files.exists(m[upload.path]) })
      try m.unmount()
    }
  }

  @Test("It hands on every option that mount knows, and mount.sh knows which of them have a value")
  func allOptions() throws {
    try withHelper { m in
      let scripts = ["H": Self.helper, "S": "\(Prerequisites.package)/mount-scripts/mount.sh"]
      // Where the mount is, what its root is, and how long the command stays are said in other ways, or by nobody.
      try m.sh(
        #"""
        "$B" mount --help > help
        given=$(grep -E '^  -' help | grep -oE -- '--[a-z-]+( <[a-z-]+>)?' | sort -u |
          grep -vE -- '^--(root|foreground|version|help)( |$)')
        test "$(wc -l <<< "$given")" -ge 11
        while read -r line; do
          option=${line%% *}
          name=${option#--}
          value=; case $line in *'<'*) value=7; grep -qE -- "[ |]$option( |\))" <(sed -n '/^    -o |/p' "$S") ;; esac
          "$H" "$R" "$M" -f -v -o "nofail,$name${value:+=$value}" > said
          grep -qE -- " $option( $value)?( |\$)" said
          grep -qE -- "-o nofail( |\$)" said
        done <<< "$given"
        """#, scripts)
    }
  }

  @Test("It runs without HOME, PATH and a working directory of its own, as systemd runs it")
  func bareEnvironment() throws {
    try withHelper { m in
      try m.sh("cd / && env -i MAMMOFS=\"$B\" \"$H\" \"$R\" \"$M\" 2>> \"$D/server.log\"", ["H": Self.helper])
      #expect(m.isMounted)
      try m.unmount()
    }
  }

  @Test("A missing storage root and bad usage fail with mount(8)'s exit codes")
  func failures() throws {
    try withHelper { m in
      let missing = try run("\"$D/none\" \"$M\"", m)
      #expect(missing.status == 32, "\(missing)")
      #expect(!Files.exists(m.beside("none")), "an empty store was made in its place")
      let usage = try run("\"$R\"", m)
      #expect(usage.status == 1, "\(usage)")
      let fake = try run("\"$R\" \"$M\" -f", m)
      #expect(fake.status == 0 && !m.isMounted, "\(fake)")
    }
  }

  /// Makes mount(8) find the helper, in a mount namespace of its own.
  private static let installed = #"""
    sbin=$(readlink -f /sbin)
    mkdir "$D/sbin"
    mount --bind "$sbin" "$D/sbin"
    mount -t tmpfs none "$sbin"
    ln -s "$D/sbin"/* "$sbin"/
    install -m 755 "$H" "$sbin/mount.mammofs"
    export MAMMOFS=$B
    line() { grep " $1 fuse.mammofs " /proc/self/mounts; }

    """#

  @Test("mount(8) finds it, by hand and by a line of fstab", .needs("unshare", "setpriv", "mount", "umount"))
  func mounted() throws {
    try withHelper { m in
      try m.shPrivately(
        Self.installed + #"""
          mount -t mammofs -o noatime,session-linger=5 "$R" "$M"
          line "$M" | grep -q noatime
          mkdir -p "$M/images/user-7/2026/11"
          umount "$M"
          echo "$R $M mammofs noauto,nofail,x-systemd.requires-mounts-for=/srv,temp-max-age=48 0 0" > fstab
          mount -T fstab "$M"
          test -d "$M/images/user-7/2026/11"
          umount "$M"
          echo "$R $M mammofs defaults,ro,nofail 0 0" > fstab
          mount -a -T fstab
          line "$M" | grep -q ' ro,'
          fails mkdir "$M/images/user-8"
          umount "$M"
          status=0
          mount -t mammofs "$D/none" "$M" 2> said || status=$?
          test "$status" = 32
          grep -q 'does not exist' said
          """#, ["H": Self.helper])
    }
  }

  @Test(
    "A line with user in it lets an ordinary user mount and unmount", .mountingAsUser, .needs("mount", "umount"),
    .enabled(if: Files.exists("/etc/fstab"), "there is no /etc/fstab to put another in place of"))
  func mountedByUser() throws {
    try withHelper { m in
      try m.shPrivately(
        Self.installed + #"""
          mkdir "$U/root" "$U/mnt"
          chown 65534 "$U"/*
          echo "$U/root $U/mnt mammofs noauto,user 0 0" > "$D/fstab"
          mount --bind "$D/fstab" /etc/fstab
          user mount "$U/mnt"
          line "$U/mnt" | grep -q user_id=65534
          line "$U/mnt" | grep -q noexec
          user mkdir -p "$U/mnt/images/user-7/2026/11"
          user umount "$U/mnt"
          test -d "$U/root/images/user-7/2026/11"
          """#, ["H": Self.helper])
    }
  }
}
