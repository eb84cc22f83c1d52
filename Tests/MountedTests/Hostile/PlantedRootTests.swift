import Glibc
import Testing

/// Links that somebody put into the storage root lead nowhere, whatever is done in the mount.
@Suite("What is planted in the storage root", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct PlantedRootTests {
  /// A folder outside with something to lose, and a root that was used; `plant(path)` puts a link in place of a path.
  private static let prelude = #"""
    secret = os.path.join(D, "secret")
    os.makedirs(secret + "/2026/11")
    os.makedirs(secret + "/11")
    KEYS = b"the keys of the clinic"
    for place in ("keys", "a.dcm", "11/a.dcm", "2026/11/a.dcm", "chunk_0", ".complete", "lock", "1", "usage.json"):
        put(f"{secret}/{place}", KEYS)
    socket.socket(socket.AF_UNIX).bind(secret + "/control")

    def listing(folder):
        return sorted((path, sorted(folders), sorted(files)) for path, folders, files in os.walk(folder))

    def contents():
        return {path: get(path) for base, _, files in os.walk(secret) for path in [os.path.join(base, f) for f in files]
                if stat.S_ISREG(os.lstat(path).st_mode)}

    before = listing(secret), contents()

    def plant(path, target=secret):
        path = os.path.join(R, path)
        if os.path.lexists(path): os.rename(path, os.path.join(D, "was-" + str(time.monotonic_ns())))
        os.symlink(target, path)

    def untouched():
        assert (listing(secret), contents()) == before, [listing(secret), before[0]]

    def attempt(call, *arguments):
        "What is refused is refused; the server answers, and its answer is not from outside."
        try:
            found = call(*arguments)
        except OSError as error:
            assert error.errno not in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO), (call, arguments, error)
            return
        assert found != KEYS and not (isinstance(found, list) and "keys" in found), (call, arguments, found)

    def everything():
        "All that can be done by name, in every place."
        places = ["images/user-7", "images/user-7/2026", "images/user-7/2026/11", "images/user-7/2026/11/a.dcm",
                  "images/user-8", "images/user-8/2026/11/a.dcm", "thumbnails/user-7/2026/11/a_thumb.jpg",
                  "temp/uploads/S", "temp/uploads/S/chunk_0", "temp/uploads/S/.complete", "temp/uploads/S/.stats",
                  "images/user-7/.stats"]
        for path in [f"{M}/{place}" for place in places]:
            attempt(os.listdir, path)
            attempt(get, path)
            for call in (lambda p: os.truncate(p, 0), lambda p: os.chmod(p, 0o777), lambda p: os.utime(p, (1, 1)),
                         lambda p: os.setxattr(p, "user.a", b"x"), lambda p: put(p + "/new.dcm", b"x"),
                         lambda p: put(p + "/chunk_7", b"x"), lambda p: os.mkdir(p + "/12"),
                         lambda p: os.rename(p + "/a.dcm", p + "/b.dcm"), lambda p: os.unlink(p + "/keys"),
                         lambda p: put(p, b"x"), os.unlink, os.rmdir):
                attempt(call, path)
        for path in ("images/user-7/2026/11/m.dcm", "images/user-8/2026/11/m.dcm", "temp/processing/link/m.dcm"):
            os.makedirs(f"{M}/temp/uploads/good", exist_ok=True)
            attempt(put, f"{M}/temp/uploads/good/chunk_0", b"x")
            attempt(put, f"{M}/temp/uploads/good/.complete", path.encode())
            attempt(shutil.rmtree, f"{M}/temp/uploads/good")
        untouched()
        get(M + "/.stats")

    """# + "\n"

  private static let used = #"""
    os.makedirs(M + "/images/user-7/2026/11")
    os.makedirs(M + "/temp/uploads/S")
    put(M + "/images/user-7/2026/11/a.dcm", b"image")
    put(M + "/temp/uploads/S/chunk_0", b"chunk")
    """#

  private static let places = [
    "images/user-7", "images/user-8", "images/user-7/2026", "images/user-7/2026/11", "images/user-7/2026/11/a.dcm",
    "thumbnails/user-7", "temp/uploads/S", "temp/uploads/S/chunk_0", "temp/uploads/S/.complete",
    "temp/uploads/S/completing", "temp/processing/link", ".mammofs/usage.json", ".mammofs/uploads/S",
    ".mammofs/staging/1", ".mammofs/log.old", ".mammofs/control", ".mammofs/usage.json.new",
  ]

  @Test("before the mount, in place of folders, images, chunks and the service's own files", arguments: places)
  func before(place: String) throws {
    try withMount { m in
      try m.python(Self.used)
      try m.unmount()
      let target = place.hasSuffix("1/a.dcm") || place.contains("usage") || place.contains("log") ? "/keys" : ""
      try m.sh("mkdir secret && echo secret > secret/keys && touch -d yesterday secret/keys && cp -a secret was")
      try m.sh("rm -rf \"$R/\(place)\" && ln -s \"$D/secret\(target)\" \"$R/\(place)\"")
      try m.mount()
      try m.sh("diff -r secret was && rm -rf was secret")
      try m.python(Self.prelude + "everything()")
      try m.sh("\"$B\" cleanup \"$M\" --older-than 0")
      try m.unmount()
      try m.mount()
    }
  }

  @Test("while it is mounted", arguments: places)
  func mounted(place: String) throws {
    try withMount { m in
      try m.python(Self.used)
      try m.python(Self.prelude + "plant(os.environ['PLACE'])\neverything()", ["PLACE": place])
      // Open in between, so that another name of the same file is asked for.
      try m.sh("\"$B\" cleanup \"$M\" --older-than 0 || true; \"$B\" stats \"$M\" > said")
      try m.unmount()
      try m.sh("grep -qx 'the keys of the clinic' secret/keys; test ! -e secret/new.dcm")
      // Figures are counted anew where those that were left lead elsewhere.
      try m.mount()
    }
  }

  @Test(
    "in place of what every store has, is refused with a sentence",
    arguments: ["images", "thumbnails", "temp", "temp/uploads", "temp/processing"] + [
      ".mammofs", ".mammofs/staging", ".mammofs/uploads", ".mammofs/lock", ".mammofs/log",
    ])
  func refused(place: String) throws {
    try withMount { m in
      try m.unmount()
      try m.sh("rm -f \"$R/.mammofs/control\"")
      try m.sh("mv \"$R/\(place)\" was; cp -a was secret; ln -s \"$D/secret\" \"$R/\(place)\"; cp -a secret kept")
      let outcome = try m.run("\"$B\" mount \"$M\" --root \"$R\" --create")
      #expect(outcome.status == 1 && outcome.errors.isOneLine, "\(outcome)")
      #expect(!m.isMounted)
      try m.sh("diff -r secret kept; rm \"$R/\(place)\"; mv was \"$R/\(place)\"")
      try m.mount()
    }
  }

  @Test("Files of its own that are another's by a second name, or pipes, are refused")
  func ownFiles() throws {
    try withMount { m in
      try m.unmount()
      for name in ["lock", "log"] {
        try m.sh("mv \"$R/.mammofs/\(name)\" was; echo precious > file; ln file \"$R/.mammofs/\(name)\"")
        let linked = try m.run("\"$B\" mount \"$M\" --root \"$R\" --create", seconds: 20)
        #expect(linked.status == 1 && linked.errors.isOneLine, "\(linked)")
        try m.sh("test \"$(cat file)\" = precious; rm \"$R/.mammofs/\(name)\"; mkfifo \"$R/.mammofs/\(name)\"")
        let piped = try m.run("\"$B\" mount \"$M\" --root \"$R\" --create", seconds: 20)
        #expect(piped.status == 1 && !piped.timedOut && piped.errors.isOneLine, "\(piped)")
        try m.sh("mv -f was \"$R/.mammofs/\(name)\"")
      }
      try m.mount()
    }
  }

  @Test("Names that cannot be, planted in every folder, do not show and hurt nothing")
  func names() throws {
    try withMount { m in
      try m.python(Self.used)
      try m.unmount()
      try m.python(
        #"""
        names = [b"\xff\xfe", b"a\nb", b"x" * 255, b"\xc3" * 127, b".", b"..x", "\u202e.dcm".encode(), b"-rf", b"$(id)"]
        folders = ["", "images", "images/user-7", "images/user-7/2026", "images/user-7/2026/11", "thumbnails", "temp",
                   "temp/uploads", "temp/uploads/S", "temp/processing", ".mammofs/staging", ".mammofs/uploads"]
        for folder in folders:
            for name in names[:4] + names[5:]:
                base = os.path.join(os.fsencode(R), folder.encode(), name)
                if len(name) % 2: put(base, b"x")
                else: os.mkdir(base)
        """#)
      try m.mount()
      try m.python(
        #"""
        for base, folders, files in os.walk(os.fsencode(M)):
            for name in folders + files: os.lstat(os.path.join(base, name))
        for folder in ("", "images", "images/user-7", "images/user-7/2026", "thumbnails", "temp", "temp/uploads"):
            for name in os.listdir(os.fsencode(os.path.join(M, folder))):
                name.decode()
                assert b"\n" not in name and not name.startswith(b"x"), name
        get(M + "/.stats"), get(M + "/.errors")
        assert get(M + "/images/user-7/2026/11/a.dcm") == b"image"
        """#)
      try m.sh("\"$B\" cleanup \"$M\" --older-than 0 || true")
    }
  }
}
