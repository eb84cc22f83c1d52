"""A disk whose power can be cut: a loop device over an image file, which can be cloned at one instant.

The image file lies on an XFS of its own (in memory where there is room), because XFS can clone a file in one step, with
all writes held back meanwhile. The loop device reads and writes the image directly, past the page cache. So a clone has
what the file system on the device had written by then, and nothing of what was still in memory.
"""

import fcntl
import os
import subprocess
import time

FICLONE = 0x40049409


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done


def mount(image, at, options="", direct=False):
    """Mounts an image by a loop device that goes when it is unmounted."""
    mode = ["--direct-io=on", "--sector-size=4096"] if direct else ["--sector-size=4096"]
    device = run("losetup", "--find", "--show", *mode, image).stdout.strip()
    try:
        run("mount", *(["-o", options] if options else []), device, at)
    finally:
        run("losetup", "--detach", device)


def unmount(at):
    for _ in range(50):
        if run("umount", at, check=False).returncode == 0:
            return
        time.sleep(0.1)
    run("umount", at)


class Ground:
    """The XFS with the image files."""

    def __init__(self, folder):
        self.image = f"{folder}/ground.img"
        self.at = f"{folder}/ground"
        os.mkdir(self.at)
        with open(self.image, "wb") as file:
            file.truncate(16 << 30)
        run("mkfs.xfs", "-q", "-s", "size=4096", "-m", "reflink=1", self.image)
        mount(self.image, self.at)

    def close(self):
        unmount(self.at)
        os.unlink(self.image)


class Disk:
    """A disk with a file system of `kind`, mounted at `at`."""

    MAKE = {"ext4": ["mkfs.ext4", "-q", "-m", "0"], "xfs": ["mkfs.xfs", "-q", "-s", "size=4096", *os.environ.get("XFS_OPTIONS", "").split()]}

    def __init__(self, ground, kind, megabytes, at):
        self.ground, self.kind, self.at = ground, kind, at
        self.image = f"{ground.at}/disk.img"
        with open(self.image, "wb") as file:
            file.truncate(megabytes << 20)
        run(*self.MAKE[kind], self.image)
        os.makedirs(at, exist_ok=True)
        mount(self.image, at, direct=True)

    def cut(self, name):
        """Cuts the power: what is on the disk now is in the clone.

        Returns its path and the moments (nanoseconds, monotonic) before and after.
        """
        path = f"{self.ground.at}/{name}.img"
        with open(self.image, "rb") as source, open(path, "wb") as target:
            before = time.monotonic_ns()
            fcntl.ioctl(target.fileno(), FICLONE, source.fileno())
            after = time.monotonic_ns()
        return path, before, after

    def mount_clone(self, path, at):
        """What the machine does when the power is back: the journal is replayed."""
        os.makedirs(at, exist_ok=True)
        mount(path, at, "nouuid" if self.kind == "xfs" else "")

    def close(self):
        unmount(self.at)
        os.unlink(self.image)
