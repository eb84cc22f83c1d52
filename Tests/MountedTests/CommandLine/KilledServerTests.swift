import Testing

/// A server that is killed together with its supervisor while many are at work in its mount.
@Suite("A killed mount", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct KilledServerTests {
  @Test("leaves nobody hanging once it is mounted again, and no file torn")
  func underLoad() throws {
    try withMount { m in
      for _ in 0..<3 {
        try m.month()
        let clients = #"""
          import threading
          month = M + "/images/user-7/2026/11"
          def work(number):
              try:
                  while not over.is_set():
                      name = f"{month}/{random.randrange(5)}.dcm"
                      try:
                          put(name, bytes([number]) * 5000)
                          if random.randrange(3) == 0: os.rename(name, f"{month}/{random.randrange(5)}.dcm")
                          if random.randrange(3) == 0: os.unlink(name)
                      except FileNotFoundError: pass
              except OSError as error:
                  assert error.errno in (errno.ENOTCONN, errno.ECONNABORTED), error
          over = threading.Event()
          threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
          for thread in threads: thread.start()
          assert poll(lambda: len(os.listdir(month)) > 0)
          kill_mount()
          subprocess.run([os.environ["B"], "mount", M, "--root", R], check=True, timeout=60)
          over.set()
          for thread in threads: thread.join(60)
          assert not any(thread.is_alive() for thread in threads), "a client hangs"
          for name in os.listdir(month):
              content = get(f"{month}/{name}")
              assert content == content[:1] * 5000, name
          """#
        try m.python(clients, seconds: 120)
        try m.expectStatsAsWalked()
      }
    }
  }
}
