import Testing

/// `mammofs unmount` where its mount is not the only one.
@Suite("An unmount", .mounting, .timeLimit(.minutes(15)))
struct UnmountTests {
  /// In a mount namespace: leaves it the one mount alone, since those of other tests would be kept from ending.
  private static let only = #"""
    while read -r _ _ _ _ place _; do
      test "$place" = "$M" || umount -l "$place" || true
    done < <(grep " - fuse" /proc/self/mountinfo)
    """#

  @Test("says where the file system is mounted still, and ends")
  func elsewhere() throws {
    try withMount { m in
      try m.month()
      try m.sh("mkdir b c; mount --bind \"$M/images/user-7\" b; mount --bind \"$M\" c")
      defer { _ = try? m.run("for place in b c; do umount -l $place; done") }
      try m.sh("echo 1 > \"$M/temp/processing/a\"; test \"$(\"$B\" stats \"$R\")\" = \"$(\"$B\" stats \"$M\")\"")
      let outcome = try m.run("\"$B\" unmount \"$M\"", seconds: 20)
      #expect(outcome.status == 1 && outcome.errors.isOneLine, "\(outcome)")
      for place in ["b", "c"] { #expect(outcome.errors.contains(m.beside(place)), "\(outcome)") }
      #expect(!m.isMounted && !m.servers.isEmpty)
      #expect(try m.sh("ls b; \"$B\" unmount b 2>&1 || \"$B\" unmount c").contains("2026"))
      #expect(!m.isMounted(at: m.beside("b")) && !m.isMounted(at: m.beside("c")) && m.servers.isEmpty)
    }
  }

  @Test("says what is mounted in it")
  func submount() throws {
    try withMount { m in
      try m.sh("mkdir \"$M/temp/processing/in\"; mount -t tmpfs none \"$M/temp/processing/in\"")
      defer { _ = try? m.run("umount \"$M/temp/processing/in\"") }
      let outcome = try m.run("\"$B\" unmount \"$M\"", seconds: 20)
      #expect(
        outcome.status == 1 && outcome.errors.contains("\(m["temp/processing/in"]) is mounted in it"), "\(outcome)")
      #expect(m.isMounted)
    }
  }

  @Test("says that another mount namespace has it, after some seconds, and ends", .needs("unshare"))
  func namespace() throws {
    try withMount { m in
      try m.sh(
        """
        mkfifo end
        unshare --mount --propagation private bash -c '\(Self.only); touch there; read -r line < end' &
        until test -e there; do sleep 0.01; done
        status=0
        timeout 40 "$B" unmount "$M" 2> said || status=$?
        echo over > end
        wait
        cat said >&2
        test "$status" = 1
        grep -q 'another mount namespace' said
        """, seconds: 60)
      #expect(poll(seconds: 20) { m.servers.isEmpty })
    }
  }

  @Test("waits for a namespace that goes soon", .needs("unshare"))
  func shortNamespace() throws {
    try withMount { m in
      try m.sh(
        """
        mkfifo end
        unshare --mount --propagation private bash -c '\(Self.only); touch there; read -r line < end' &
        until test -e there; do sleep 0.01; done
        "$B" unmount "$M" &
        unmount=$!
        while grep -q " $M " /proc/self/mountinfo; do sleep 0.01; done
        kill -0 $unmount
        echo over > end
        wait $unmount
        """, seconds: 60)
      #expect(m.servers.isEmpty)
    }
  }

  @Test("does not wait for whoever has by now the number of a server that died")
  func othersNumber() throws {
    try withMount { m in
      m.killServers()
      try m.sh(
        """
        sleep 100 &
        sed -i "s/^process .*/process $!/" "$R/.mammofs/lock"
        status=0
        timeout 20 "$B" unmount "$M" || status=$?
        kill $!
        test "$status" = 0
        """)
      #expect(!m.isMounted)
    }
  }

  @Test("leaves alone what somebody has mounted over the mount")
  func covered() throws {
    try withMount { m in
      try m.sh("mount -t tmpfs top \"$M\"; touch \"$M/mine\"")
      let outcome = try m.run("\"$B\" unmount \"$M\"", seconds: 20)
      #expect(outcome.status == 1 && outcome.errors.isOneLine && outcome.errors.contains("tmpfs"), "\(outcome)")
      #expect(m.mountCount == 2)
      try m.sh("test -e \"$M/mine\"; umount \"$M\"; \"$B\" unmount \"$M\"")
      #expect(m.servers.isEmpty && !m.isMounted)
    }
  }

  @Test("waits for a server that is slow to write out", .needs("strace"))
  func slowDisk() throws {
    try withMount { m in
      try m.month()
      try m.sh(
        """
        echo x > "$M/images/user-7/2026/11/a.dcm"
        strace -f -qq -p "$(sed -n 's/^process //p' "$R/.mammofs/lock")" -o /dev/null -e trace=fdatasync,fsync,syncfs \
          -e inject=fdatasync,fsync,syncfs:delay_enter=1500000 &
        until grep -q 'TracerPid:.[1-9]' "/proc/$(sed -n 's/^process //p' "$R/.mammofs/lock")/status"; do sleep 0.01; done
        "$B" unmount "$M"
        wait
        """, seconds: 90)
      #expect(m.servers.isEmpty && !m.isMounted)
    }
  }
}
