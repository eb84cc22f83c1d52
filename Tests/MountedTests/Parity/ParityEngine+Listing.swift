extension ParityEngine {
  /// Times, listings, who asks, and the constants: the rest of what a script sees.
  static let listing = #"""
    class Timespec(ctypes.Structure): _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

    def timespecs(*moments):
        array = (Timespec * 2)()
        for entry, moment in zip(array, moments):
            special = isinstance(moment, Stamp)
            entry.seconds, entry.nanoseconds = (0, int(moment)) if special else divmod(moment, 10**9)
        return array

    @call
    def utimens(side, path, accessed, modified):
        check(libc.utimensat(-100, side.at(path), timespecs(accessed, modified), 0))
    @call
    def lutimens(side, path, accessed, modified):
        check(libc.utimensat(-100, side.at(path), timespecs(accessed, modified), 0x100))
    @call
    def futimens(side, file, accessed, modified): check(libc.futimens(file, timespecs(accessed, modified)))
    @call
    def posixlock(side, file, kind, start, size):
        "A lock of the open file description."
        return len(fcntl.fcntl(file, 37, struct.pack("hhqqi4x", kind, 0, start, size, 0)))
    @call(changes=False)
    def names(side, path): return sorted(map(os.fsdecode, os.listdir(side.at(path))))
    @call(changes=False)
    def fnames(side, file): return sorted(os.listdir(file))
    @call(changes=False)
    def kinds(side, path):
        with os.scandir(side.at(path)) as entries:
            return sorted(
                (os.fsdecode(entry.name), entry.is_dir(follow_symlinks=False), entry.is_symlink()) for entry in entries)
    @call
    def emptied(side, path):
        "Removes each entry while the folder is being listed; what that found."
        with os.scandir(side.at(path)) as entries:
            found = []
            for entry in entries:
                found.append(os.fsdecode(entry.name))
                os.unlink(entry.path)
        return sorted(found)
    @call(changes=False)
    def tree(side, path):
        "All below a folder: what stat says, and what is in the files."
        result = []
        for folder, folders, files in os.walk(side.at(path)):
            for name in sorted(folders + files):
                full = os.path.join(folder, name)
                entry = described(side, full, os.lstat(full))
                content = os.readlink(full) if entry["kind"] == "link" else None
                if entry["kind"] == "file":
                    with open(full, "rb") as file: content = file.read()
                result.append((os.path.relpath(full, side.folder), sorted(entry.items()), content))
        return sorted(result)

    def become(user, group=None, *groups):
        "From now on another user asks."
        os.seteuid(0)
        os.setgroups(groups)
        os.setegid(user if group is None else group)
        os.seteuid(user)

    def constants(prefix, origin, *names):
        return {name: Flags(getattr(origin, prefix + name), name) for name in names}

    CALLS |= constants(
        "O_", os, "CREAT", "EXCL", "TRUNC", "APPEND", "RDONLY", "WRONLY", "RDWR", "DIRECTORY", "NOFOLLOW", "SYNC",
        "NONBLOCK", "TMPFILE", "NOATIME")
    CALLS |= constants("", os, "SEEK_SET", "SEEK_CUR", "SEEK_END", "SEEK_DATA", "SEEK_HOLE", "R_OK", "W_OK", "X_OK")
    CALLS |= constants("LOCK_", fcntl, "SH", "EX", "NB", "UN") | constants("XATTR_", os, "CREATE", "REPLACE")
    CALLS |= constants("S_IF", stat, "REG", "CHR", "SOCK", "IFO") | constants("F_", fcntl, "RDLCK", "WRLCK", "UNLCK")
    modes = {"KEEP_SIZE": 1, "PUNCH_HOLE": 2, "COLLAPSE_RANGE": 8, "ZERO_RANGE": 16, "INSERT_RANGE": 32}
    renames = {"NOREPLACE": 1, "EXCHANGE": 2, "WHITEOUT": 4, "UNKNOWN": 8}
    CALLS |= {name: Flags(value, name) for name, value in (modes | renames).items()}
    CALLS |= {"NOW": Stamp((1 << 30) - 1, "NOW"), "OMIT": Stamp((1 << 30) - 2, "OMIT"), "SECOND": 10**9}
    CALLS |= {"become": become, "umask": os.umask, "device": os.makedev, "range": range, "len": len}

    def prepare():
        "Two empty folders that anybody may write to, and the way there open for all."
        os.umask(0o022)
        here = os.path.join(M, os.environ["FOLDER"])
        os.makedirs(here, exist_ok=True)
        plain = os.path.join(D, "plain")
        os.mkdir(plain)
        for side, folder in (("mount", here), ("plain", plain)):
            SIDES.append(Side(side, folder))
            os.chmod(folder, 0o777)
        part = M
        for name in os.environ["FOLDER"].split("/")[:-1]:
            os.chmod(part, 0o755)
            part = os.path.join(part, name)
            os.chmod(part, 0o755)

    """# + "\n"
}
