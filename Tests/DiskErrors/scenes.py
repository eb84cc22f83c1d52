"""What clients do in the mount while the disk fails, and what has to hold afterwards.

Each scene is a class: `prepare` is done on a good disk, `act` on the failing one, step by step, and `check` looks at
what is there when the disk is good again, as a client would that had seen `act` fail. Then `again` must succeed, and
`done` must find what was wanted.
"""

import os

SMALL, LARGE = bytes(range(256)) * 20, os.urandom(300_000)


def put(path, data, sync=False):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        for start in range(0, len(data), 100_000):
            os.write(file, data[start:start + 100_000])
        if sync:
            os.fsync(file)
    finally:
        os.close(file)


def get(path):
    with open(path, "rb") as file:
        return file.read()


class Scene:
    """`there` and `stored` are one folder of images, in the mount and in the storage root."""

    def __init__(self, mount, root, user):
        self.mount, self.root = mount, root
        self.there, self.stored = f"{mount}/images/{user}/2026/11", f"{root}/images/{user}/2026/11"
        self.session, self.work = f"{mount}/temp/uploads/{user}", f"{mount}/temp/processing/{user}"

    def prepare(self):
        os.makedirs(self.there)

    def check(self):
        """No name in the storage root holds anything but what was meant, whole."""
        for name in os.listdir(self.stored) if os.path.isdir(self.stored) else []:
            assert get(f"{self.stored}/{name}") in self.contents, f"{name} is torn in the storage root"

    def again(self):
        self.act()

    contents = [LARGE, SMALL]
    forever = False


class Copy(Scene):
    def act(self):
        put(f"{self.there}/a.dcm", LARGE)

    def done(self):
        assert get(f"{self.there}/a.dcm") == LARGE


class Synchronized(Copy):
    def act(self):
        put(f"{self.there}/a.dcm", LARGE, sync=True)


class Folders(Copy):
    def prepare(self):
        pass

    def act(self):
        os.makedirs(self.there, exist_ok=True)
        put(f"{self.there}/a.dcm", LARGE)


class Move(Scene):
    def prepare(self):
        super().prepare()
        put(f"{self.there}/a.dcm", LARGE)

    def act(self):
        os.rename(f"{self.there}/a.dcm", f"{self.there}/b.dcm")

    def check(self):
        super().check()
        found = [name for name in ("a.dcm", "b.dcm") if os.path.exists(f"{self.there}/{name}")]
        assert len(found) == 1 and get(f"{self.there}/{found[0]}") == LARGE, f"at {found}"

    def again(self):
        if os.path.exists(f"{self.there}/a.dcm"):
            self.act()

    def done(self):
        assert get(f"{self.there}/b.dcm") == LARGE and not os.path.exists(f"{self.there}/a.dcm")


class Replace(Move):
    def prepare(self):
        super().prepare()
        put(f"{self.there}/b.dcm", SMALL)

    def check(self):
        Scene.check(self)
        assert get(f"{self.there}/b.dcm") in ([SMALL] if os.path.exists(f"{self.there}/a.dcm") else [LARGE])


class WorkName(Scene):
    def act(self):
        put(f"{self.there}/.a.dcm.x", LARGE)
        os.rename(f"{self.there}/.a.dcm.x", f"{self.there}/a.dcm")

    def done(self):
        assert get(f"{self.there}/a.dcm") == LARGE


class FromWorkspace(Scene):
    def prepare(self):
        super().prepare()
        put(self.work, LARGE)

    def act(self):
        os.rename(self.work, f"{self.there}/a.dcm")

    def again(self):
        if os.path.exists(self.work):
            assert get(self.work) == LARGE
            self.act()

    def done(self):
        assert get(f"{self.there}/a.dcm") == LARGE


class Delete(Scene):
    def prepare(self):
        super().prepare()
        put(f"{self.there}/a.dcm", LARGE)

    def act(self):
        os.unlink(f"{self.there}/a.dcm")

    def again(self):
        if os.path.exists(f"{self.there}/a.dcm"):
            assert get(f"{self.there}/a.dcm") == LARGE
            self.act()

    def done(self):
        assert os.listdir(self.there) == []


class Attributes(Scene):
    def prepare(self):
        super().prepare()
        put(f"{self.there}/a.dcm", LARGE)

    def act(self):
        path = f"{self.there}/a.dcm"
        os.setxattr(path, "user.note", b"seen")
        os.chmod(path, 0o640)
        os.chown(path, 12, 34)
        os.utime(path, (1, 2))
        os.setxattr(path, "user.other", b"x")
        os.removexattr(path, "user.other")

    def done(self):
        stat = os.stat(f"{self.there}/a.dcm")
        assert (stat.st_mode & 0o777, stat.st_uid, stat.st_gid, stat.st_mtime) == (0o640, 12, 34, 2)
        assert os.getxattr(f"{self.there}/a.dcm", "user.note") == b"seen" and get(f"{self.there}/a.dcm") == LARGE


class Workspace(Scene):
    """As another user, so that each new name is given away."""

    def prepare(self):
        os.makedirs(self.work)
        os.chmod(self.work, 0o2777)
        os.chown(self.work, 12, 34)

    STEPS = ["folder", "link", "fifo", "file"]

    def act(self):
        made = {
            "folder": os.mkdir, "link": lambda path: os.symlink("nowhere", path), "fifo": os.mkfifo,
            "file": lambda path: put(path, SMALL),
        }
        for name in self.STEPS:
            try:
                made[name](f"{self.work}/{name}")
            except FileExistsError:
                # By a step that had succeeded. One that had failed has left nothing, or `check` says so.
                pass
            except OSError:
                self.failed = name
                raise

    failed = None

    def check(self):
        # Nothing can be taken back on a disk that goes on failing.
        if self.failed in ("folder", "link", "fifo") and not self.forever:
            assert not os.path.lexists(f"{self.work}/{self.failed}"), f"a {self.failed} that was refused is there"
        for name in os.listdir(self.work):
            assert os.lstat(f"{self.work}/{name}").st_gid == 34, f"{name} belongs to the wrong group"

    def done(self):
        assert sorted(os.listdir(self.work)) == sorted(self.STEPS) and get(f"{self.work}/file") == SMALL


class Upload(Scene):
    """Chunks in an order that has one of them moved, one with a hole, and the marker."""

    order = [1, 0, 2, 3]
    chunks = [LARGE, LARGE[::-1], LARGE[:70_000] + bytes(100_000) + LARGE[:70_000], SMALL]
    contents = [b"".join(chunks)]

    def prepare(self):
        self.saved = set()

    def write(self, index):
        path = f"{self.session}/chunk_{index}"
        if index == 2:
            with open(path, "wb", buffering=0) as file:
                file.write(LARGE[:70_000])
                file.seek(170_000)
                file.write(LARGE[:70_000])
        else:
            put(path, self.chunks[index], sync=index == 3)
        self.saved.add(index)

    def act(self):
        os.makedirs(self.session, exist_ok=True)
        for index in self.order:
            if index not in self.saved:
                self.write(index)
        put(f"{self.session}/.complete", f"images/{os.path.basename(self.session)}/2026/11/a.dcm".encode())

    def check(self):
        super().check()
        if os.path.exists(f"{self.there}/a.dcm"):
            return
        for index in self.saved:
            assert get(f"{self.session}/chunk_{index}") == self.chunks[index], f"chunk_{index} is lost"

    def again(self):
        self.act() if not os.path.exists(f"{self.there}/a.dcm") else None

    def done(self):
        assert get(f"{self.there}/a.dcm") == self.contents[0]


class Abandon(Scene):
    def prepare(self):
        os.makedirs(self.session)
        for index, chunk in enumerate(Upload.chunks[:2]):
            put(f"{self.session}/chunk_{index}", chunk)

    def act(self):
        for name in os.listdir(self.session):
            os.unlink(f"{self.session}/{name}")
        os.rmdir(self.session)

    def again(self):
        if os.path.exists(self.session):
            self.act()

    def done(self):
        assert not os.path.exists(self.session)


class Look(Scene):
    def prepare(self):
        super().prepare()
        put(f"{self.there}/a.dcm", LARGE)

    def act(self):
        assert get(f"{self.there}/a.dcm") == LARGE and os.listdir(self.there) == ["a.dcm"]
        os.statvfs(self.mount)

    def done(self):
        self.act()


ALL = [
    Copy, Synchronized, Folders, Move, Replace, WorkName, FromWorkspace, Delete, Attributes, Workspace, Upload, Abandon, Look,
]
