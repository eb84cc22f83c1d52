import Testing

/// Upgrades that cannot be: whoever works in the mount goes on with the server that there is.
@Suite("An upgrade", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct UpgradeTests {
  /// `ask(TEXT)` is the control socket's answer to a request; `unharmed()` asks the mount whether it answers.
  private static let helpers = #"""
    B = os.environ["B"]
    def ask(text):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(R + "/.mammofs/control")
            connection.sendall(text.encode() + b"\n")
            return connection.makefile().read()
    def parent(process):
        return int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[1])
    def unharmed():
        os.write(file, b"x")
        assert os.fstat(file).st_size == os.lseek(file, 0, os.SEEK_CUR)
    file = os.open(M + "/temp/processing/open", os.O_CREAT | os.O_RDWR)
    unharmed()

    """#

  @Test("to a program that does not know this mount is refused", arguments: ["exit 64", "exec sleep 60", "kill -9 $$"])
  func unknown(program: String) throws {
    try withMount { m in
      try m.sh("printf '#!/bin/sh\\n%s\\n' \"$P\" > \"$D/other\"; chmod 755 \"$D/other\"", ["P": program])
      try m.python(
        Self.helpers + #"""
          before, begin = server(), time.monotonic()
          answers = [ask(f"upgrade {number} {D}/other") for number in range(50)]
          answers = [answer for answer in answers if "in another form" not in answer]
          assert len(answers) == 1 and answers[0].startswith("refused "), answers
          assert "does not say that it can go on" in answers[0], answers
          assert time.monotonic() - begin < 30
          assert server() == before
          unharmed()
          """#)
    }
  }

  @Test("asks the program with the very arguments of the mount, which touches nothing for that")
  func asked() throws {
    try withMount("-o", "noatime", "--watchdog", "77") { m in
      try m.python(
        Self.helpers + #"""
          put(D + "/other", b'#!/bin/sh\nprintf "%s\\n" "$@" > "${0%/*}/asked"\nexit 1\n')
          os.chmod(D + "/other", 0o755)
          assert all(ask(f"upgrade {number} {D}/other").startswith("refused ") for number in range(50))
          words = get(D + "/asked").decode().split("\n")[:-1]
          assert words[:2] == ["mount", "--check-take-over"], words
          assert words[-2:] == ["--", M] and "noatime" in words and "77" in words and R in words, words
          def said(*more): return subprocess.run([B, *more], capture_output=True, timeout=60).returncode
          assert said(*words) == 0
          elsewhere = [word.replace(M, D + "/new").replace(R, D + "/none") for word in words]
          assert said(*elsewhere) == 0 and not os.path.exists(D + "/new") and not os.path.exists(D + "/none")
          assert said("mount", "--check-take-over", "99999", *words[3:]) == 1
          assert said(*words[:3], "--of-another-version", *words[3:]) == 64
          assert said(*words[:3], "-o", "nonsense", *words[3:]) == 1
          unharmed()
          """#)
    }
  }

  @Test("that fails all the same is not reported as done", .needs("strace"))
  func notStarted() throws {
    try withMount { m in
      try m.python(
        Self.helpers + #"""
          shutil.copy(B, D + "/mammofs")
          before = server()
          tracer = traced(parent(before), "-o", "/dev/null", "-e", "trace=execve", "-e", "inject=execve:error=EACCES")
          done = subprocess.run([D + "/mammofs", "upgrade", M], capture_output=True, text=True, timeout=60)
          tracer.terminate()
          tracer.wait()
          assert done.returncode == 1 and "could not be started" in done.stderr, done
          assert server() != before and os.path.samefile(f"/proc/{server()}/exe", B)
          unharmed()
          """#)
    }
  }

  @Test("without a supervisor is refused, and the mount lives on")
  func withoutSupervisor() throws {
    try withMount { m in
      try m.python(
        Self.helpers + #"""
          before = server()
          os.kill(parent(before), signal.SIGKILL)
          assert poll(lambda: os.getpgid(parent(before)) != os.getpgid(before))
          done = subprocess.run([B, "upgrade", M], capture_output=True, text=True, timeout=60)
          assert done.returncode == 1 and "the supervisor has ended" in done.stderr, done
          assert server() == before
          unharmed()
          """#)
    }
  }
}
