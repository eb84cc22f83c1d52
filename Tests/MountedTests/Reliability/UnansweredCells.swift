extension MountedRoot {
  /// What is there before an operation and after it; the operations are ``operations``.
  static let cells = #"""
    LOOKUP, GETATTR, SETATTR, READLINK, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, OPEN, READ, WRITE, STATFS = (
        1, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
    FSYNC, SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR, FLUSH, OPENDIR, READDIR, FSYNCDIR, CREATE, FALLOCATE = (
        20, 21, 22, 23, 24, 25, 27, 28, 30, 35, 43)
    READDIRPLUS, RENAME2, LSEEK, COPY = 44, 45, 46, 47

    class Cell:
        """One operation at one place, once undisturbed and once with the server killed before it answered."""
        def __init__(self, number, cell, twin):
            self.token = f"{number}{twin}"
            self.operation, self.kind, self.container = cell["operation"], cell["kind"], cell["parent"]
            def path(key):
                name = cell[key] if cell.get(key) is not None else cell["parent"] + "/nowhere"
                return M + "/" + name.replace("{t}", self.token)
            self.parent, self.present, self.absent, self.other = (path(k) for k in ("parent", "present", "absent", "other"))
            self.opened, self.result, self.thread = [], None, None
            self.prepared = self.attempt(self.prepare)

        def attempt(self, call):
            try: return self.normal(call())
            except OSError as error: return errno.errorcode[error.errno]

        def normal(self, value):
            return json.loads(json.dumps(value, default=lambda v: v.decode("latin-1")).replace(self.token, "T"))

        def stored(self, path): return R + path[len(M):]

        def descriptor(self, path, flags):
            descriptor = os.open(path, flags)
            self.opened.append(descriptor)
            return descriptor

        # What is there before.

        def prepare(self):
            kind, session = self.kind, f"{M}/temp/uploads/s{self.token}"
            if "{t}" in self.container or kind == "folder": os.makedirs(self.parent, exist_ok=True)
            if kind == "folder":
                if "T" in self.normal(self.present): os.makedirs(self.present, exist_ok=True)
                os.makedirs(self.other, exist_ok=True)
            elif kind in ("file", "chunk"):
                put(self.present, b"present" * 10)
                put(self.other, b"other" * 5)
                for path in (self.present, self.other):
                    os.setxattr(path, "user.old" + self.token, b"1")
            elif kind == "link":
                os.symlink("present", self.present)
                os.symlink("other", self.other)
            elif kind == "receiving":
                put(session + "/chunk_0", b"chunk")
                marker = self.descriptor(session + "/.complete", os.O_CREAT | os.O_RDWR)
                os.write(marker, f"images/user-{self.token}/2026/11/done".encode())
            elif kind == "finished":
                put(session + "/chunk_0", b"chunk")
                put(session + "/.complete", f"images/user-{self.token}/2026/11/done".encode())
            elif kind == "unwritten":
                put(session + "/chunk_0", b"chunk")
            if kind == "stats": os.stat(self.present)
            before = getattr(self, "before_" + self.operation, None)
            if before: before()
            for path in (self.present, self.absent, self.other):
                try: os.lstat(path)
                except OSError: pass

        # What is found afterwards.

        def state(self):
            found = {}
            for top in ("images/user-{}", "images/user-{}n", "images/user-{}o", "thumbnails/user-{}", "thumbnails/user-{}n",
                        "thumbnails/user-{}o", "temp/uploads/s{}", "temp/uploads/s{}n", "temp/uploads/s{}o",
                        "temp/processing/d{}", "temp/processing/s{}"):
                for base in (M, R): self.describe(f"{base}/{top.format(self.token)}", found)
            return self.normal(found)

        def describe(self, path, found):
            try: status = os.lstat(path)
            except FileNotFoundError: return
            kind = stat.S_IFMT(status.st_mode)
            entry = [oct(status.st_mode), status.st_uid, status.st_gid]
            if kind == stat.S_IFREG: entry += [status.st_size, get(path)]
            if kind == stat.S_IFLNK: entry.append(os.readlink(path))
            try:
                names = [n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith("user.mammofs.")]
                entry.append(sorted((n, os.getxattr(path, n, follow_symlinks=False)) for n in names))
            except OSError: pass
            found[path] = entry
            if kind == stat.S_IFDIR:
                for name in os.listdir(path): self.describe(path + "/" + name, found)

    """# + "\n"
}
