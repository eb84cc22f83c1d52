import Testing

/// A storage root whose file system does not have all that ext4 has: what was promised is kept by other means.
@Suite("A file system that lacks something", .mounting, .needs("python3", "clang"), .timeLimit(.minutes(15)))
struct LackingFileSystemTests {
  /// What users do, and what is left of it by a server that is killed together with its supervisor.
  private static let scene = #"""
    def tree(): return {os.path.relpath(d + "/" + f, M): get(d + "/" + f) for d, _, fs in os.walk(M + "/images") for f in fs}
    def synchronised(path, content):
        with open(path, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    month, session, work = M + "/images/user-7/2026/11", M + "/temp/uploads/s", M + "/temp/processing"
    os.makedirs(month)
    os.mkdir(session)
    put(month + "/closed.dcm", b"closed" * 1000)
    synchronised(month + "/synchronised.dcm", b"synchronised")
    folder = os.open(month, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    with open(month + "/sparse.dcm", "wb") as file: file.truncate(1 << 20)
    put(work + "/w", b"worked")
    os.rename(work + "/w", month + "/moved.dcm")
    put(month + "/.tool", b"tool")
    os.rename(month + "/.tool", month + "/tool.dcm")
    for i in (1, 0, 2): put(f"{session}/chunk_{i}", bytes([i + 1]) * 3000)
    os.rename(session + "/chunk_2", session + "/chunk_3")
    os.rename(session + "/chunk_3", session + "/chunk_2")
    put(session + "/.complete", b"images/user-8/2026/11/up.dcm")
    # A name that is taken stays its owner's.
    refused(errno.EEXIST, os.open, month + "/closed.dcm", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    NOREPLACE, EXCHANGE = 1, 2
    def renameat2(old, new, flags):
        if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) != 0:
            raise OSError(ctypes.get_errno(), old)
    refused(errno.EEXIST, renameat2, month + "/tool.dcm", month + "/closed.dcm", NOREPLACE)
    renameat2(month + "/tool.dcm", month + "/renamed.dcm", NOREPLACE)
    whole = tree()
    assert whole == {
        "images/user-7/2026/11/closed.dcm": b"closed" * 1000, "images/user-7/2026/11/synchronised.dcm": b"synchronised",
        "images/user-7/2026/11/sparse.dcm": bytes(1 << 20), "images/user-7/2026/11/moved.dcm": b"worked",
        "images/user-7/2026/11/renamed.dcm": b"tool",
        "images/user-8/2026/11/up.dcm": b"".join(bytes([i + 1]) * 3000 for i in range(3))}, whole.keys()
    # Nothing but what was meant to be refused.
    lines = [line for line in get(M + "/.errors").decode().split("\n") if line]
    assert all(" EEXIST " in line for line in lines), lines
    """#

  private static let recovered = #"""
    def tree(): return {os.path.relpath(d + "/" + f, M): len(get(d + "/" + f)) for d, _, fs in os.walk(M + "/images") for f in fs}
    month = "images/user-7/2026/11/"
    assert tree() == {
        month + "closed.dcm": 6000, month + "synchronised.dcm": 12, month + "sparse.dcm": 1 << 20, month + "moved.dcm": 6,
        month + "renamed.dcm": 4, "images/user-8/2026/11/up.dcm": 9000}, tree()
    assert [get(M + "/temp/processing/recovered/" + n) for n in os.listdir(M + "/temp/processing/recovered")] == [b"half"]
    assert poll(lambda: not [n for n in os.listdir(R + "/.mammofs/staging")], 30), os.listdir(R + "/.mammofs/staging")
    """#

  private func play(_ m: MountedRoot, _ environment: [String: String] = [:]) throws {
    let mount = environment.map { "\($0.key)=\(quoted($0.value)) " }.joined() + m.mountCommand
    try m.sh(mount)
    try m.python(Self.scene)
    try m.expectStatsAsWalked()
    try m.unmount()
    try m.sh(mount)
    try m.python(
      #"""
      writer = subprocess.Popen([sys.executable, "-c", '''
      import os, time
      half = open(os.environ["M"] + "/images/user-7/2026/11/half.dcm", "wb")
      half.write(b"half")
      half.flush()
      print("ready", flush=True)
      time.sleep(600)
      '''.replace("\n      ", "\n")], stdout=subprocess.PIPE)
      assert writer.stdout.readline() == b"ready\n"
      process = server()
      parent = int(re.search(r"PPid:\s+(\d+)", open(f"/proc/{process}/status").read())[1])
      for each in (parent, process): os.kill(each, signal.SIGKILL)
      writer.kill()
      writer.wait()
      """#)
    m.killServers()
    try m.sh("umount -l \"$M\"; \(mount)")
    try m.python(Self.recovered)
    try m.expectStatsAsWalked()
    try m.unmount()
  }

  private func library(_ m: MountedRoot, lacking what: String) throws -> [String: String] {
    let source = quoted("\(Prerequisites.package)/Tests/DiskErrors/faults.c")
    try m.sh("clang -shared -fPIC -o \"$D/faults.so\" \(source) -ldl")
    return ["LD_PRELOAD": m.beside("faults.so"), "MAMMOFS_LACKS": what]
  }

  @Test(
    "serves as any other",
    arguments: [
      "flags", "links", "flags links", "folders", "holes", "holes blocks", "attributes", "punch",
      "flags links folders holes blocks attributes punch",
    ])
  func lacking(what: String) throws {
    try withoutMount { m in try play(m, try library(m, lacking: what)) }
  }

  @Test("serves as any other where it is bindfs", .needs("bindfs"))
  func bindfs() throws {
    try withoutMount { m in
      try m.sh("mkdir \"$D/plain\"; bindfs \"$D/plain\" \"$R\"")
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try play(m)
    }
  }

  @Test("says so when it is mounted, and keeps what was found")
  func told() throws {
    try withoutMount { m in
      let mount = try library(m, lacking: "flags folders").map { "\($0.key)=\(quoted($0.value)) " }.joined()
      try m.sh(mount + m.mountCommand)
      let log = try Files.text(m.stored(".mammofs/log"))
      #expect(log.contains("lacks=RENAME_NOREPLACE, RENAME_EXCHANGE, fsync of folders"), "\(log)")
      try m.python(
        #"""
        import json
        kept = json.load(open(R + "/.mammofs/abilities.json"))
        assert (kept["renamesOntoFreeNames"], kept["synchronizesFolders"], kept["links"]) == (False, False, True), kept
        assert not os.path.exists(R + "/.mammofs/probe")
        """#)
      try m.unmount()
      try m.mount()
      #expect(try Files.text(m.stored(".mammofs/log")).contains("lacks=none"))
    }
  }

  @Test("An exchange that it cannot do is refused with a sentence, and both names are as they were")
  func exchange() throws {
    try withoutMount { m in
      let mount = try library(m, lacking: "flags").map { "\($0.key)=\(quoted($0.value)) " }.joined()
      try m.sh(mount + m.mountCommand)
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11"
        put(month + "/a.dcm", b"a")
        put(month + "/b.dcm", b"bb")
        assert libc.renameat2(-100, (month + "/a.dcm").encode(), -100, (month + "/b.dcm").encode(), 2) == -1
        assert ctypes.get_errno() == errno.EINVAL, ctypes.get_errno()
        assert (get(month + "/a.dcm"), get(month + "/b.dcm")) == (b"a", b"bb")
        last = get(M + "/.errors").decode().split("\n")[-2]
        assert " rename images/user-7/2026/11/b.dcm EINVAL " in last and "RENAME_EXCHANGE" in last, last
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("is refused where it cannot keep anything on the disk, and nothing is left there")
  func unfit() throws {
    try withoutMount { m in
      let mount = try library(m, lacking: "durability").map { "\($0.key)=\(quoted($0.value)) " }.joined()
      let outcome = try m.run(mount + "\"$B\" mount \"$M\" --root \"$R\"")
      #expect(outcome.status == 1 && outcome.errors.contains("cannot hold a storage root"), "\(outcome)")
      #expect(!m.isMounted)
      #expect(try m.sh("find \"$R\" -type f -o -path '*/probe'").isEmpty)
    }
  }

  @Test(
    "What it answers that nobody has thought of is a line in .errors",
    arguments: ["EINVAL", "EXDEV", "ENOTCONN", "ESHUTDOWN", "EPROTO"])
  func unknownErrors(name: String) throws {
    try withoutMount { m in
      try m.python(
        MountedRoot.failingDisk + #"""
          os.makedirs(M + "/images/user-7/2026/11")
          put(M + "/images/user-7/2026/11/a.dcm", b"image")
          number = getattr(errno, os.environ["N"])
          order.arm(CHANGES, 1, number)
          refused(number, os.utime, M + "/images/user-7/2026/11/a.dcm", (1, 1))
          order.disarm()
          assert f" images/user-7/2026/11/a.dcm {os.environ['N']} " in get(M + "/.errors").decode(), get(M + "/.errors")
          """#, ["F": "\(Prerequisites.package)/Tests/DiskErrors", "N": name])
    }
  }
}
