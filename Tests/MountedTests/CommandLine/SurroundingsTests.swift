import Glibc
import Testing

/// What a mount inherits from whoever starts it, and must not depend on.
@Suite("A mount whatever its caller is like", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct SurroundingsTests {
  private static let prelude = #"""
    B = os.environ["B"]
    def supervisor(): return int(open(f"/proc/{server()}/stat").read().rsplit(")", 1)[1].split()[1])
    def mounted(): return any(line.split()[1] == M for line in open("/proc/self/mounts"))
    def mount(*arguments, **how):
        return subprocess.run([B, "mount", M, "--root", R, *arguments], timeout=60, **how)

    """#

  @Test("Signals that the caller ignores and blocks: servers are followed, and SIGTERM unmounts")
  func signals() throws {
    try withoutMount { m in
      try m.python(
        Self.prelude + #"""
          def deaf():
              for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
                  signal.signal(number, signal.SIG_IGN)
              signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
          mount(preexec_fn=deaf, check=True)
          crash()
          assert len(subprocess.run(["ls", M], timeout=20, capture_output=True, check=True).stdout.split()) == 3
          process = supervisor()
          os.kill(process, signal.SIGTERM)
          assert poll(lambda: not mounted() and not os.path.exists(f"/proc/{process}"), 20)
          mount(preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN), check=True)
          process = supervisor()
          subprocess.run([B, "unmount", M], timeout=20, check=True)
          assert poll(lambda: not os.path.exists(f"/proc/{process}"))
          """#)
    }
  }

  @Test("Limits of the caller are lifted", .needs("prlimit"))
  func softLimits() throws {
    try withoutMount { m in
      try m.python(
        Self.prelude + #"""
          limits = ["--fsize=1000000:", "--as=30000000000:", "--data=200000000:", "--cpu=100:", "--core=unlimited:"]
          subprocess.run(["prlimit", *limits, "--stack=200000:", B, "mount", M, "--root", R], timeout=60, check=True)
          for process in (server(), supervisor()):
              rows = {line[:25].strip(): line[25:].split()[0] for line in open(f"/proc/{process}/limits")}
              for name in ("Max file size", "Max address space", "Max data size", "Max cpu time"):
                  assert rows[name] == "unlimited", (name, rows[name])
              assert rows["Max core file size"] == "0" and int(rows["Max stack size"]) >= 8 << 20, rows
          put(M + "/temp/processing/a", bytes(2_000_000))
          """#)
    }
  }

  @Test(
    "Limits that cannot be lifted are refused with their names, and nothing is made", .needs("prlimit", "setpriv"),
    arguments: [
      ("fsize=1000000", "ulimit -f"), ("as=40000000000", "ulimit -v"), ("data=400000000", "ulimit -d"),
      ("cpu=1000", "ulimit -t"),
    ])
  func hardLimits(limit: String, name: String) throws {
    try withoutMount { m in
      try m.sh("rmdir \"$R\" \"$M\"")
      let outcome = try m.run(
        "setpriv --bounding-set -sys_resource prlimit --\(limit):\(limit.drop { $0 != "=" }.dropFirst()) "
          + "\"$B\" mount \"$M\" --root \"$R\"")
      #expect(outcome.status == 1 && outcome.errors.isOneLine && outcome.errors.contains(name), "\(outcome)")
      #expect(outcome.errors.contains("infinity in the unit"), "\(outcome)")
      #expect(!m.isMounted && !Files.exists(m.root) && !Files.exists(m.mountPoint))
    }
  }

  @Test("A file larger than the server may make is refused, and the server lives", .needs("prlimit", "truncate"))
  func fileSize() throws {
    try withMount { m in
      let server = try #require(m.server)
      try m.sh(
        """
        echo x > "$M/temp/processing/a"
        prlimit --pid \(server) --fsize=1000000:
        fails truncate -s 2M "$M/temp/processing/a" 2> said
        grep -q 'File too large' said
        test "$(cat "$M/temp/processing/a")" = x
        prlimit --pid \(server) --fsize=unlimited:
        """)
      #expect(m.server == server)
    }
  }

  @Test(
    "Nothing that the caller has open stays open, and its memory score and scheduling are not the server's",
    .needs("flock", "choom", "chrt"))
  func held() throws {
    try withoutMount { m in
      try m.sh(
        #"""
        (
          exec 9> held
          flock 9
          choom -n 700 -- chrt -b 0 bash -c '"$B" mount "$M" --root "$R"'
        )
        flock -n held true
        server=$(sed -n 's/^process //p' "$R/.mammofs/lock")
        for process in $server $(ps -o ppid= -p "$server"); do
          test "$(cat /proc/$process/oom_score_adj)" = 0
          chrt -p "$process" | grep -q SCHED_OTHER
        done
        """#)
    }
  }

  @Test("Modes do not follow the caller's mask")
  func mask() throws {
    try withoutMount { m in
      try m.sh(
        #"""
        umask 0777
        "$B" mount "$D/new" --root "$D/fresh"
        umask 022
        test "$(stat -c %a fresh)" = 750
        umount new
        test "$(stat -c %a new)" = 750
        """#)
    }
  }

  /// `lone COMMAND…` runs as a user of whom there is no other process, `$ID`, and is ended, with 124, where it hangs.
  private static let few = #"""
    chmod 755 "$D"
    mkdir "$D/few"
    chown "$ID:$ID" "$D/few"
    cd "$D/few"
    # fusermount3 wants a name.
    { cat /etc/passwd; echo "lone:x:$ID:$ID::/:/bin/sh"; } > "$D/passwd"
    chmod 644 "$D/passwd"
    mount --bind "$D/passwd" /etc/passwd
    lone() { timeout 60 setpriv --reuid="$ID" --regid="$ID" --clear-groups --inh-caps=-all "$@"; }
    gone() { for _ in $(seq 500); do pgrep -u "$ID" > /dev/null || return 0; sleep 0.02; done; return 1; }

    """#

  @Test("With few threads it is refused with a sentence, or it answers", .mountingAsUser, .needs("prlimit", "pgrep"))
  func fewThreads() throws {
    try withoutMount { m in
      try m.shPrivately(
        Self.few + #"""
          refused=0 served=0
          for count in $(seq 3 24); do
            status=0
            lone prlimit --nproc="$count:$count" "$B" mount m --root r 2> said || status=$?
            if [ "$status" = 0 ]; then
              lone ls m | grep -q images
              lone mkdir -p m/images/user-1/2026/11
              lone "$B" unmount m
              served=$((served + 1))
            else
              echo "$count: $(cat said)"
              test "$status" = 1
              fails grep -q 'run with --foreground' said
              fails grep -q ' /.*few/m ' /proc/self/mounts
              refused=$((refused + 1))
            fi
            gone
          done
          test "$refused" -gt 2
          test "$served" -gt 2
          """#, ["ID": "64123"], seconds: 240)
    }
  }

  @Test(
    "A server that follows with few threads answers, or the mount is given up",
    .mountingAsUser, .needs("prlimit", "pgrep"))
  func fewThreadsLater() throws {
    try withoutMount { m in
      try m.shPrivately(
        Self.few + #"""
          for count in 1 2 4 6 8 11; do
            lone "$B" mount m --root r
            server=$(sed -n 's/^process //p' r/.mammofs/lock)
            for process in $server $(ps -o ppid= -p "$server"); do lone prlimit --pid "$process" --nproc="$count:$count"; done
            kill -9 "$server"
            # It answers, or with an error: it does not hang.
            status=0
            lone ls m > listed 2>&1 || status=$?
            echo "$count: $status $(head -c 300 listed)"
            test "$status" != 124
            if [ "$status" = 0 ] && grep -q images listed; then
              lone "$B" unmount m
            else
              # Where not even fusermount3 can be run, a dead mount is left.
              for _ in $(seq 500); do grep -q 'is unmounted: ' r/.mammofs/log && break; sleep 0.02; done
              grep -q 'is unmounted: ' r/.mammofs/log
              umount -l m || true
            fi
            gone
          done
          """#, ["ID": "64124"], seconds: 280)
    }
  }
}
