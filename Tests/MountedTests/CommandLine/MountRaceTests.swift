import Testing

/// Mounts that meet others, or lose their server, while they begin.
@Suite("A mount that begins", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct MountRaceTests {
  @Test("is not stacked upon another that began at the same place at the same time", .needs("strace"))
  func stacked() throws {
    try withoutMount { m in
      try m.python(
        #"""
        def mount(root, *before):
            command = [*before, os.environ["B"], "mount", M, "--root", root]
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        # The first has looked at the place and taken its root, and waits to be mounted, when the second comes.
        delayed = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=mount", "-e", "inject=mount:delay_enter=3000000"]
        mounts = [mount(D + "/one", *delayed)]
        assert poll(lambda: os.path.exists(D + "/one/.mammofs/lock") and b"user" in get(D + "/one/.mammofs/lock"))
        mounts.append(mount(R))
        said = [process.communicate(timeout=50)[1] for process in mounts]
        lines = [line for line in open("/proc/self/mounts") if line.split()[1] == M]
        assert len(lines) == 1, lines
        assert sorted(process.returncode for process in mounts) == [0, 1], said
        assert sum("is mounted already" in text for text in said) == 1, said
        subprocess.run([os.environ["B"], "unmount", M], check=True, timeout=60)
        """#)
    }
  }

  @Test("is waited for also where its server dies just as it says that it answers", .needs("clang"))
  func diesWhenReady() throws {
    try withoutMount { m in
      try m.python(
        #"""
        put(D + "/die.c", b"""
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <fcntl.h>
            #include <signal.h>
            #include <stdlib.h>
            #include <string.h>
            #include <unistd.h>
            ssize_t write(int fd, const void *bytes, size_t size) {
              ssize_t (*real)(int, const void *, size_t) =
                  (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
              if (size == 5 && memcmp(bytes, "ready", 5) == 0) {
                if (open(getenv("DIED"), O_CREAT | O_EXCL, 0600) >= 0) kill(getpid(), SIGKILL);
              }
              return real(fd, bytes, size);
            }
            """)
        subprocess.run(["clang", "-shared", "-fPIC", "-o", D + "/die.so", D + "/die.c", "-ldl"], check=True)
        variables = dict(os.environ, LD_PRELOAD=D + "/die.so", DIED=D + "/died")
        subprocess.run([os.environ["B"], "mount", M, "--root", R], check=True, env=variables, timeout=40)
        assert os.path.exists(D + "/died") and os.path.exists(M + "/.stats")
        """#)
    }
  }
}
