"""Lets each call of the server to its disk fail in turn, and looks at what clients see and what is left.

    disk_errors.py [--only SCENE] [--every N] [--verbose]

Every scene is run on a good disk first, to count the server's calls. Then each call fails once by itself, and once with
all that follow it, with each error that a disk has for it. --every N visits each Nth call only, beginning anywhere.
"""

import argparse
import collections
import errno
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import scenes
from order import ALLOCATES, CHANGES, READS, Order

ERRORS = {
    errno.EIO: READS | CHANGES | ALLOCATES,
    errno.EROFS: CHANGES | ALLOCATES,
    errno.ENOSPC: ALLOCATES,
    errno.EDQUOT: ALLOCATES,
}
HERE = os.path.dirname(os.path.abspath(__file__))


class Server:
    def __init__(self, folder, binary):
        self.folder, self.binary = folder, binary
        self.mount, self.root = f"{folder}/mnt", f"{folder}/root"
        library = f"{folder}/faults.so"
        compiler = shutil.which("clang") or shutil.which("cc")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, f"{HERE}/faults.c", "-ldl"], check=True)
        self.order = Order(f"{folder}/order")
        self.environment = dict(os.environ, LD_PRELOAD=library, MAMMOFS_FAULTS=self.order.path)
        self.start()

    def start(self):
        command = [self.binary, "mount", self.mount, "--root", self.root]
        subprocess.run(command, check=True, env=self.environment, timeout=60)

    def close(self):
        self.order.disarm()
        subprocess.run([self.binary, "unmount", self.mount], check=True, timeout=60)

    def stats(self):
        with open(f"{self.mount}/.stats") as file:
            return json.load(file)

    def errors(self):
        with open(f"{self.mount}/.errors") as file:
            return file.read()

    def walked(self):
        """What `.stats` has to say: the tree, and what is on its way into it."""
        found, seen = collections.Counter(), set()
        for top in ("images", "thumbnails", "temp", ".mammofs/staging"):
            for folder, _, names in os.walk(f"{self.root}/{top}"):
                for name in names:
                    # A session's result, until it has its place.
                    if name == "completing": continue
                    stat = os.lstat(f"{folder}/{name}")
                    if not os.path.isfile(f"{folder}/{name}") or os.path.islink(f"{folder}/{name}") or stat.st_ino in seen:
                        continue
                    seen.add(stat.st_ino)
                    found["size"] += stat.st_size
                    found["count"] += 1
        return found

    def check_figures(self):
        """Soon after: what was closed a moment ago may be on its way still."""
        for _ in range(100):
            stats, walked = self.stats(), self.walked()
            if (stats["totalSize"], stats["fileCount"]) == (walked["size"], walked["count"]):
                return
            time.sleep(0.01)
        raise AssertionError(f".stats says {stats['fileCount']} files of {stats['totalSize']}, a walk {dict(walked)}")

    def sweep(self):
        """Removes all that scenes leave; what cannot be removed so is a leak."""
        for folder in ("images", "thumbnails", "temp/uploads", "temp/processing"):
            for name in os.listdir(f"{self.mount}/{folder}"):
                path = f"{self.mount}/{folder}/{name}"
                shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        left = []
        for _ in range(100):
            private = f"{self.root}/.mammofs"
            left = os.listdir(f"{private}/staging") + os.listdir(f"{private}/uploads")
            if not left and self.stats()["fileCount"] == 0:
                return
            time.sleep(0.01)
        raise AssertionError(f"left in the private folder: {left}; .stats: {self.stats()}")


def visit(server, make, kinds, at, error, forever):
    """One run of a scene. Returns how many calls there were, and what failed how."""
    scene = make(server.mount, server.root, "user-7")
    scene.forever = forever
    scene.prepare()
    known, met = set(server.errors().splitlines()), None
    server.order.arm(kinds, at, error, forever)
    try:
        scene.act()
    except OSError as failure:
        met = failure.errno
    # What comes after the last close belongs to it.
    time.sleep(0.01)
    seen, failed, call = server.order.disarm()
    if at:
        assert met in (None, error), f"{errno.errorcode.get(met, met)} came of it"
        if met:
            # A line that comes again is counted, and then is another.
            lines = "\n".join(line for line in server.errors().splitlines() if line not in known)
            assert f" {errno.errorcode[error]} " in lines, f".errors does not say so, but: {lines!r}"
        scene.check()
        if forever or call == "unlinkat":
            # What could not be taken back is put in order by the next start.
            server.close()
            server.start()
            scene.check()
        server.check_figures()
        scene.again()
    else:
        assert met is None, f"{errno.errorcode.get(met, met)} on a good disk"
    scene.done()
    server.check_figures()
    server.sweep()
    return seen, failed, call, met


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    binary = os.path.abspath(os.environ.get("MAMMOFS_BINARY") or f"{HERE}/../../.build/release/mammofs")
    chance = random.Random(options.seed)
    folder = tempfile.mkdtemp(prefix="mammofs-errors-")
    server = Server(folder, binary)
    visits, faults, calls = 0, 0, collections.Counter()
    print(f"seed {options.seed}", flush=True)
    try:
        for make in scenes.ALL:
            if options.only and make.__name__ not in options.only:
                continue
            for error, kinds in ERRORS.items():
                total = visit(server, make, kinds, 0, 0, False)[0]
                first = chance.randrange(options.every) + 1
                for at in range(first, total + 1, options.every):
                    for forever in (False, True):
                        visits += 1
                        what = f"{make.__name__}: {errno.errorcode[error]} at call {at}{' and on' if forever else ''}"
                        try:
                            seen, failed, call, met = visit(server, make, kinds, at, error, forever)
                            calls[call] += failed
                            if options.verbose:
                                print(f"{what} ({call}): {errno.errorcode.get(met, 'none')}", flush=True)
                        except (AssertionError, OSError) as fault:
                            faults += 1
                            _, _, call = server.order.disarm()
                            print(f"{what} ({call}): {type(fault).__name__}: {fault}", flush=True)
                            # Begin anew on a good disk.
                            server.close()
                            shutil.rmtree(server.root)
                            server = Server(tempfile.mkdtemp(dir=folder), binary)
    finally:
        server.close()
        shutil.rmtree(folder)
    print(f"{visits} faults made in {len(calls)} kinds of calls, {faults} of them not borne")
    sys.exit(1 if faults else 0)


main()
