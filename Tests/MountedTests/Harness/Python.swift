import Testing

extension MountedRoot {
  /// Runs Python in a process of its own, for calls that Swift's Glibc does not have and for processes that hold
  /// descriptors. The script must end without an error; what it printed.
  ///
  /// `M`, `R` and `D` are there as variables; `refused(errno, function, …)` expects an OSError; `put` and `get` write
  /// and read whole files; `poll(condition)` waits for one.
  @discardableResult
  func python(
    _ script: String, _ variables: [String: String] = [:], seconds: Int = 60,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    try Files.write(Self.prelude + script + "\n", to: beside("script.py"))
    return try sh(
      "exec python3 \"$D/script.py\"", variables, seconds: seconds, sourceLocation: sourceLocation)
  }

  private static let prelude = #"""
    import ctypes, errno, fcntl, mmap, os, random, re, shutil, signal, socket, stat, subprocess, sys, time
    M, R, D = os.environ["M"], os.environ["R"], os.environ["D"]
    libc = ctypes.CDLL(None, use_errno=True)

    def refused(code, call, *arguments):
        codes = code if isinstance(code, tuple) else (code,)
        try:
            call(*arguments)
        except OSError as error:
            names = [errno.errorcode[c] for c in codes]
            assert error.errno in codes, f"{errno.errorcode.get(error.errno)} instead of {names}: {arguments}"
        else:
            raise AssertionError(f"not refused: {call} {arguments}")

    def put(path, content=b""):
        with open(path, "wb", buffering=0) as file:
            if content: file.write(content)

    def server():
        lines = open(R + "/.mammofs/lock").read().split("\n")
        return int([line.split()[1] for line in lines if line.startswith("process")][0])

    def kill_mount():
        """Ends the supervisor and then the server, as a crash of both would."""
        process = server()
        supervisor = int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[1])
        os.kill(supervisor, signal.SIGKILL)
        os.kill(process, signal.SIGKILL)
        return process

    def traced(process, *options):
        """Starts strace on a process, with all its threads."""
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-p", str(process), *options], stderr=subprocess.DEVNULL)
        def is_traced(thread):
            try: return "TracerPid:\t0\n" not in open(f"/proc/{process}/task/{thread}/status").read()
            except FileNotFoundError: return True
        assert poll(lambda: all(is_traced(thread) for thread in os.listdir(f"/proc/{process}/task")))
        return tracer

    def killed_at(call, number=1):
        """Has the server die as it begins its n-th `call`."""
        return traced(
            server(), "-o", "/dev/null", "-e", "trace=" + call, "-e", f"inject={call}:signal=KILL:when={number}")

    def crash():
        """Kills the server, and returns once another has taken over."""
        process = server()
        os.kill(process, signal.SIGKILL)
        assert poll(lambda: server() != process)

    def get(path):
        with open(path, "rb") as file:
            return file.read()

    def poll(condition, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition(): return True
            time.sleep(0.01)
        return condition()

    NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4

    def renameat2(old, new, flags):
        if libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), new)

    """# + "\n"
}
