import Glibc
import Testing

/// `-o`, as mount(8) and /etc/fstab users write it.
@Suite("Mount options", .mounting, .timeLimit(.minutes(15)))
struct MountOptionTests {
  @Test(
    "Options of mount(8) are taken, and show where the kernel knows them",
    arguments: [
      ("defaults", ["rw", "nosuid", "nodev"]), ("rw,relatime", ["rw"]), ("strictatime,nodiratime,lazytime", ["rw"]),
      ("noatime", ["noatime"]), ("dev", ["nosuid"]), ("suid,exec", ["nodev"]), ("nodev,nosuid,noexec", ["noexec"]),
      ("sync", ["rw"]), ("dirsync", ["dirsync"]), ("atime,diratime,async,norelatime,nostrictatime,nolazytime", ["rw"]),
      ("auto,_netdev,nofail,user,users,owner,group,x-systemd.automount,X-mine=1,comment=y,nonempty", ["rw"]),
    ])
  func taken(given: String, shown: [String]) throws {
    try withoutMount("-o", given) { m in
      try m.mount()
      let line = try m.sh("grep \" $M fuse.mammofs \" /proc/self/mounts")
      let options = Set(line.split(separator: " ")[3].split(separator: ",").map(String.init))
      #expect(options.isSuperset(of: shown + ["default_permissions", "allow_other"]), "\(line)")
      let names = given.split(separator: ",").map(String.init)
      for (lifted, name) in [("dev", "nodev"), ("suid", "nosuid")] {
        #expect(options.contains(name) != names.contains(lifted), "\(line)")
      }
      #expect(try m.stats().fileCount == 0)
    }
  }

  @Test("dev lets device nodes be opened")
  func devices() throws {
    try withMount("-o", "dev") { m in
      try m.sh("mknod \"$M/temp/processing/zero\" c 1 5; test \"$(head -c 4 \"$M/temp/processing/zero\" | wc -c)\" = 4")
    }
  }

  @Test("Idle processors of a virtual machine are kept from halting by root's mount, unless that is switched off")
  func idlePolling() throws {
    for option in ["--idle-polling", "--no-idle-polling"] {
      try withMount(option) { m in
        try m.python(
          #"""
          try: halts = get("/sys/devices/system/cpu/cpuidle/current_driver") == b"haltpoll\n"
          except FileNotFoundError: halts = False
          folder = f"/proc/{server()}/fd/"
          says = any(os.readlink(folder + f) == "/dev/cpu_dma_latency" for f in os.listdir(folder))
          assert says == (halts and os.environ["OPTION"] == "--idle-polling"), (says, halts)
          os.kill(server(), signal.SIGKILL)
          os.statvfs(M)
          folder = f"/proc/{server()}/fd/"
          after = sum(os.readlink(folder + f) == "/dev/cpu_dma_latency" for f in os.listdir(folder))
          assert after == says, "one, and the next server has the same option"
          """#, ["OPTION": option])
      }
    }
  }

  @Test("auto_unmount leaves no dead mount")
  func automatic() throws {
    try withMount("-o", "auto_unmount") { m in
      // What is open is let go of from the highest number down, and the mount has to be dead before fusermount3 looks.
      let open = try m.sh(
        """
        P=$(sed -n 's/^process //p' "$R/.mammofs/lock")
        for n in /proc/$P/fd/*; do echo ${n##*/} $(readlink $n); done | sort -n | grep -o -e socket -e /dev/fuse | uniq
        """)
      #expect(open.hasPrefix("socket\n/dev/fuse"))
      m.killServers()
      #expect(poll(seconds: 20) { !m.isMounted })
      try m.mount()
    }
  }

  @Test(
    "With sync each change is on disk when its call returns, and a name is given at close; with dirsync names are",
    .needs("strace"), arguments: ["sync", "dirsync", "async"])
  func synchronous(option: String) throws {
    try withoutMount { m in
      try m.sh(
        #"""
        strace -f -qq -o trace -e trace=syncfs "$B" mount "$M" --root "$R" -o "$OPTION" --foreground 2>> server.log &
        for attempt in $(seq 1000); do
          if test -e "$M/.stats"; then break; fi
          sleep 0.02
        done
        count() { grep -c 'syncfs.*= 0' trace || true; }
        # Runs a command and tells whether the disk was written.
        wrote() {
          local before
          before=$(count)
          "$@"
          if test "$(count)" -gt "$before"; then echo yes; else echo no; fi
        }
        month=$M/images/user-7/2026/11
        mkdir -p "$month"
        { wrote mkdir "$M/temp/processing/a"; wrote mv "$M/temp/processing/a" "$M/temp/processing/b"
          wrote rmdir "$M/temp/processing/b"; wrote touch "$month/a.dcm"; wrote chmod 600 "$month/a.dcm"
          wrote truncate -s 10 "$month/a.dcm"; wrote cat "$month/a.dcm"; } | tr -d '\0' > said
        exec 3> "$month/b.dcm"
        dd if=/dev/zero bs=4096 count=1 status=none >&3
        test ! -e "$R/images/user-7/2026/11/b.dcm"
        exec 3>&-
        test -e "$R/images/user-7/2026/11/b.dcm"
        "$B" unmount "$M"
        wait
        """#, ["OPTION": option])
      let expected =
        switch option {
        case "sync": "yes yes yes yes yes yes no"
        case "dirsync": "yes yes yes yes no yes no"
        default: "no no no no no no no"
        }
      #expect(try m.sh("echo $(cat said)") == expected)
    }
  }
}
