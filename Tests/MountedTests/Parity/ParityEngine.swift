/// The Python that makes each call on the mount and on a plain folder, and compares.
///
/// It runs in a process of its own, as everything that touches the mount does.
enum ParityEngine {
  static let program = engine + calls + listing

  /// Two sides, what a call's outcome is, and how two are compared.
  private static let engine = #"""
    import struct

    class Side:
        def __init__(self, name, folder):
            self.name, self.folder, self.seen = name, os.fsencode(folder), {}

        def at(self, path):
            return self.folder + b"/" + os.fsencode(path) if path else self.folder

    class File:
        "An open file: its descriptor on either side."
        def __init__(self, descriptors, text): self.descriptors, self.text = descriptors, text
        def __repr__(self): return self.text

    class Flags(int):
        "A number that is printed by its names."
        def __new__(cls, value, text):
            self = super().__new__(cls, value)
            self.text = text
            return self
        def __or__(self, other): return Flags(int(self) | int(other), f"{self!r}|{other!r}")
        def __repr__(self): return self.text

    class Stamp(int):
        "A moment that is printed by its name."
        def __new__(cls, value, text):
            self = super().__new__(cls, value)
            self.text = text
            return self
        def __repr__(self): return self.text

    SIDES, HISTORY, CALLS = [], [], {}
    TOLERATED = [line.split("\t") for line in os.environ["TABLE"].split("\n")]
    FIELDS_LEFT_OUT = {row[1] for row in TOLERATED if row[0] == "field"}
    # What is older than a day was set by a call, what is younger came from the clock.
    errno.errorcode[errno.EOPNOTSUPP] = "EOPNOTSUPP"
    YESTERDAY = time.time_ns() - 86_400 * 10**9
    options = {"ticks": True}

    def tick():
        "Lets the clock that stamps files go on, so that what is changed next is younger for certain."
        if not options["ticks"]: return
        before = time.clock_gettime(5)  # CLOCK_REALTIME_COARSE
        while time.clock_gettime(5) == before: pass

    def brief(value):
        text = repr(value)
        return text if len(text) < 120 else f"{text[:100]}… ({len(text)} characters)"

    def fail(text, outcomes):
        names = f"{os.environ['CASE']}: the two sides differ"
        lines = [f"    {side.name:7} {outcome}" for side, outcome in zip(SIDES, outcomes)]
        before = [f"    {line}" for line in HISTORY[-40:]]
        sys.exit("\n".join([names, f"  {text}"] + lines + ["  before that:"] + before))

    def outcome(call, side, arguments):
        number = SIDES.index(side)
        own = [a.descriptors[number] if isinstance(a, File) else a for a in arguments]
        try:
            return call(side, *own)
        except OSError as error:
            return errno.errorcode.get(error.errno, str(error.errno))

    def tolerated(text, result):
        return any(row[0] == "refusal" and text.startswith(row[1]) and result == row[2] for row in TOLERATED)

    def call(function=None, *, changes=True, opens=False):
        "Makes a function of one side a call on both."
        if function is None: return lambda function: call(function, changes=changes, opens=opens)
        name = function.__name__.strip("_")

        def both(*arguments):
            text = f"{name}({', '.join(map(brief, arguments))})"
            if changes: tick()
            mount = outcome(function, SIDES[0], arguments)
            if tolerated(text, mount):
                HISTORY.append(f"{text} -> {mount}, as it should in the mount")
                return File([-1, -1], "f") if opens else mount
            plain = outcome(function, SIDES[1], arguments)
            if opens and isinstance(mount, int) and isinstance(plain, int):
                HISTORY.append(f"{text} -> open")
                return File([mount, plain], "f")
            if mount != plain: fail(text, [mount, plain])
            HISTORY.append(f"{text} -> {brief(mount)}")
            return File([-1, -1], "f") if opens else mount

        CALLS[name] = both
        return both

    KINDS = {
        stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
        stat.S_IFSOCK: "socket", stat.S_IFCHR: "character", stat.S_IFBLK: "block",
    }

    def described(side, subject, found):
        "What stat says: each field as it is, times as set or by how they moved since this subject was last asked."
        kind = KINDS[stat.S_IFMT(found.st_mode)]
        result = {"kind": kind, "mode": oct(stat.S_IMODE(found.st_mode)), "links": found.st_nlink,
                  "user": found.st_uid, "group": found.st_gid}
        if kind in ("file", "link"): result["size"] = found.st_size
        if kind in ("character", "block"): result["device"] = found.st_rdev
        stamps = {"mtime": found.st_mtime_ns, "ctime": found.st_ctime_ns}
        # Listing a folder may or may not touch it.
        if kind != "folder": stamps["atime"] = found.st_atime_ns
        before = side.seen.get(subject, {})
        for name, stamp in stamps.items():
            if stamp < YESTERDAY:
                result[name] = stamp
            elif name == "atime" or name not in before or not options["ticks"]:
                result[name] = "now"
            else:
                result[name] = ("earlier", "as before", "later")[(stamp > before[name]) - (stamp < before[name]) + 1]
        side.seen[subject] = stamps
        for name in FIELDS_LEFT_OUT: result.pop(name, None)
        return result

    """# + "\n"
}
