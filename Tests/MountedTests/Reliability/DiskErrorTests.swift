import Testing

/// A short form of `mount-scripts/disk-errors.sh`, which see; and what goes wrong where no caller waits.
@Suite("A disk that fails", .mounting, .needs("python3", "clang"), .timeLimit(.minutes(15)))
struct DiskErrorTests {
  private static let folder = "\(Prerequisites.package)/Tests/DiskErrors"

  @Test("is reported as it is, loses nothing that was closed, and a retry succeeds")
  func short() throws {
    try withoutMount { m in
      try m.sh(
        "exec python3 \(quoted("\(Self.folder)/disk_errors.py")) --every 40 >&2",
        ["MAMMOFS_BINARY": Prerequisites.binary], seconds: 240)
    }
  }

  @Test("and that refuses a closed image when it is settled says so in .errors")
  func settling() throws {
    try withoutMount { m in
      try m.python(
        MountedRoot.failingDisk + #"""
          os.makedirs(M + "/images/user-7/2026/11")
          order.arm(ALLOCATES, 1, errno.EIO, thread="settler")
          put(M + "/images/user-7/2026/11/a.dcm", b"image")
          line = " fsync images/user-7/2026/11/a.dcm EIO "
          assert poll(lambda: line in get(M + "/.errors").decode(), 15), get(M + "/.errors")
          seen, failed, call = order.disarm()
          assert (failed, call) == (1, "fdatasync"), (failed, call)
          # It keeps its record, for the next start to look at.
          assert len(os.listdir(R + "/.mammofs/staging")) == 1
          """#, ["F": Self.folder])
    }
  }

  @Test("and that did not take the bytes of a new image is not believed when the image is closed once more")
  func refusedAtClose() throws {
    try withoutMount { m in
      try m.python(
        MountedRoot.failingDisk + #"""
          import glob
          month = "/images/user-7/2026/11"
          os.makedirs(M + month)
          def refused_at(number):
              image = f"{month}/{number}.dcm"
              put(M + image, b"old")
              # It replaces an image, and so has to be on disk before it has the name.
              file = os.open(f"{M}{month}/.{number}", os.O_CREAT | os.O_WRONLY)
              os.write(file, b"new image")
              os.rename(f"{M}{month}/.{number}", M + image)
              order.arm(ALLOCATES, number, errno.EIO)
              try: os.close(file)
              except OSError as error: assert error.errno == errno.EIO, error
              else: return None
              finally: call = order.disarm()[2]
              if call != "fdatasync": return False
              assert poll(lambda: os.path.exists(R + image)), os.listdir(R + month)
              assert get(R + image) == b"old"
              assert get(M + image) == b"old"
              assert poll(lambda: glob.glob(R + f"/temp/processing/recovered*/*{number}.dcm"))
              assert f" close {image[1:]} EIO " in get(M + "/.errors").decode()
              put(M + image, b"newer")
              assert get(R + image) == b"newer"
              return True
          outcomes = []
          while True not in outcomes and None not in outcomes: outcomes.append(refused_at(len(outcomes) + 1))
          assert True in outcomes, outcomes
          """#, ["F": Self.folder])
      try m.expectStatsAsWalked()
    }
  }

  @Test("and that cannot be read leaves the figures as they were before a recount")
  func recount() throws {
    try withoutMount { m in
      try m.python(
        MountedRoot.failingDisk + #"""
          import json
          def stats(*options):
              done = subprocess.run([os.environ["B"], "stats", M, "--json", *options], capture_output=True, text=True)
              return done.returncode, done.stderr, done.stdout and json.loads(done.stdout)["images"]
          for user in range(3):
              os.makedirs(f"{M}/images/user-{user}/2026/11")
              put(f"{M}/images/user-{user}/2026/11/a.dcm", b"image")
          right = {"size": 15, "count": 3}
          order.arm(READS, 3, errno.EIO, True, thread="recount")
          status, said, _ = stats("--recount")
          seen, failed, call = order.disarm()
          assert failed > 0, (seen, failed, call)
          assert status == 1 and "the figures stay as they are" in said, (status, said)
          assert stats()[2] == right, stats()
          assert stats("--recount") == (0, "", right)
          """#, ["F": Self.folder])
    }
  }
}
