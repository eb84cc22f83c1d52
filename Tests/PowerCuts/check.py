"""Looks at a disk after a power cut, by way of a server started on it."""

import hashlib
import urllib.parse
import json
import os
import subprocess
import time

from facts import ABSENT


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def files(top):
    """Paths below a folder, relative to it."""
    return [os.path.relpath(f"{folder}/{name}", top) for folder, _, names in os.walk(top) for name in names]


class Check:
    """One cut: `root` is the storage root on the clone, `mount` where it is to be mounted."""

    def __init__(self, binary, root, mount, expected):
        self.binary, self.root, self.mount, self.expected = binary, root, mount, expected
        self.faults = []
        # Of `.errors`, where there are faults.
        self.lines = []
        self.counts = {"whole": 0, "recovered": 0, "chunks": 0, "completed": 0}

    def fault(self, text, path=None):
        self.faults.append((text, path))

    def run(self, again):
        self.forget_boot()
        staged = self.staged()
        self.start()
        try:
            self.check_staged(staged)
            present = self.check_names()
            self.check_expected(present)
            self.check_sessions()
            self.check_figures()
            self.check_use()
            if self.faults:
                self.lines = self.errors()
        finally:
            self.stop()
        if again:
            self.start()
            try:
                lines = [line for line in self.errors() if " recover " in line]
                if lines:
                    self.fault(f"a second start recovers again: {lines}")
                self.check_expected(self.check_names())
            finally:
                self.stop()
        return self.faults

    # MARK: The server

    def forget_boot(self):
        """The machine has not been restarted, but the storage root must not know."""
        path = f"{self.root}/.mammofs/lock"
        if os.path.exists(path):
            with open(path) as file:
                lines = [line for line in file if not line.startswith("boot ")]
            with open(path, "w") as file:
                file.writelines(["boot another\n", *lines])

    def start(self):
        command = [self.binary, "mount", self.mount, "--root", self.root]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"the storage root does not mount: {done.stderr}")

    def stop(self):
        subprocess.run([self.binary, "unmount", self.mount], check=True, capture_output=True, timeout=60)

    def errors(self):
        with open(f"{self.mount}/.errors") as file:
            return file.read().splitlines()

    # MARK: What is looked at

    def staged(self):
        """Inodes of what was on its way, so that none of it gets lost silently."""
        folder, found = f"{self.root}/.mammofs/staging", {}
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = f"{folder}/{name}"
            # The name has the path, and the attribute the size and, where they differ, another path.
            origin = urllib.parse.unquote(name.partition(":")[2]) or name
            try:
                words = os.getxattr(path, "user.mammofs.origin").decode().split(" ", 1)
                if not words[-1].isdigit(): origin = words[-1]
            except OSError:
                pass
            isPlaced = "user.mammofs.place" in os.listxattr(path)
            if origin != "-" and not isPlaced and os.stat(path).st_size > 0:
                found[os.stat(path).st_ino] = origin
        return found

    def check_staged(self, staged):
        tops = [f"{self.root}/{top}" for top in ("images", "thumbnails", "temp", ".mammofs/staging")]
        inodes = {os.lstat(f"{top}/{path}").st_ino for top in tops for path in files(top)}
        for inode, origin in staged.items():
            session = os.path.dirname(origin.split(" ")[-1])
            # Chunks go with what becomes of their session.
            hasGone = session in self.expected.abandoned or session in self.expected.completions
            if inode not in inodes and not hasGone:
                self.fault(f"what was staged for {origin} is gone")
        recovered = f"{self.mount}/temp/processing/recovered"
        lines = self.errors()
        for name in os.listdir(recovered) if os.path.isdir(recovered) else []:
            self.counts["recovered"] += 1
            if not any(f" recover " in line and line.endswith(name) for line in lines):
                self.fault(f"recovered/{name} has no line in .errors")

    def check_names(self):
        """Every file under a final name is one that somebody wrote, whole. Returns what is there."""
        present = {}
        for top in ("images", "thumbnails", "temp/uploads"):
            for path in files(f"{self.mount}/{top}"):
                path = f"{top}/{path}"
                if os.path.basename(path).startswith("."):
                    continue
                present[path] = digest(f"{self.mount}/{path}")
                if present[path] in self.expected.allowed.get(path, {ABSENT}):
                    self.counts["chunks" if top == "temp/uploads" else "whole"] += 1
                else:
                    size = os.stat(f"{self.mount}/{path}").st_size
                    self.fault(f"{path} ({size} bytes) is torn, or nobody wrote it so", path)
        for path in files(self.root):
            inMount = path.startswith((".mammofs", "temp/processing")) or os.path.basename(path).startswith(".")
            if not inMount and path not in present:
                self.fault(f"{path} is in the storage root and does not show")
        return present

    def check_expected(self, present):
        for path, contents in self.expected.allowed.items():
            if ABSENT in contents or path in present:
                continue
            session = os.path.dirname(path)
            if session in self.expected.abandoned:
                continue
            target, made, isDone = self.expected.completions.get(session, (None, None, False))
            if isDone or (made and present.get(target) == made):
                continue
            self.fault(f"{path} was on the disk for sure, and is lost", path)
        for content, places in self.expected.places.items():
            there = [path for path in places if present.get(path) == content]
            if len(there) != 1:
                self.fault(f"what was on the disk for sure is at {there or 'none'} of {sorted(places)}")

    def check_sessions(self):
        uploads = f"{self.mount}/temp/uploads"
        for session in os.listdir(uploads):
            with open(f"{uploads}/{session}/.stats") as file:
                state = json.load(file)["state"]
            chunks = sorted(name for name in os.listdir(f"{uploads}/{session}") if name.startswith("chunk_"))
            hasResult = os.path.exists(f"{uploads}/{session}/.complete")
            if hasResult != (state == "complete") or (hasResult and chunks):
                self.fault(f"session {session} is {state}, with {chunks} and {'a' if hasResult else 'no'} result")
            self.counts["completed"] += hasResult

    def check_figures(self):
        """`.stats` says what a walk finds."""
        for _ in range(500):
            with open(f"{self.mount}/.stats") as file:
                stats = json.load(file)
            if not stats.get("counting"):
                break
            time.sleep(0.01)
        # Work names are staged, and count as temporary.
        folders = {"images": ["images"], "thumbnails": ["thumbnails"], "temp": ["temp", ".mammofs/staging"]}
        for top, parts in folders.items():
            found = {}
            for part in parts:
                for path in files(f"{self.root}/{part}"):
                    stat = os.lstat(f"{self.root}/{part}/{path}")
                    found[stat.st_ino] = stat.st_size
            walked = {"size": sum(found.values()), "count": len(found)}
            if stats[top] != walked:
                self.fault(f".stats says {stats[top]} of {top}, a walk finds {walked}; staged: {self.staged()}")
        for origin in self.staged().values():
            if not os.path.basename(origin).startswith("."):
                self.fault(f"{origin} is still staged")

    def check_use(self):
        """What is left can be worked with: an unfinished session completes as what its chunks are."""
        uploads = f"{self.mount}/temp/uploads"
        for number, session in enumerate(os.listdir(uploads)):
            with open(f"{uploads}/{session}/.stats") as file:
                stats = json.load(file)
            if stats["state"] != "receiving" or stats["missing"] or not stats["chunks"] or number > 5:
                continue
            names = [f"{uploads}/{session}/chunk_{index}" for index in range(stats["chunks"])]
            whole = hashlib.sha256()
            for name in names:
                with open(name, "rb") as file:
                    whole.update(file.read())
            target = f"temp/processing/completed-{session}"
            with open(f"{uploads}/{session}/.complete", "w") as file:
                file.write(json.dumps({"path": target, "sha256": whole.hexdigest()}))
            if digest(f"{self.mount}/{target}") != whole.hexdigest():
                self.fault(f"session {session} has become another file than its chunks")
            self.expected.abandoned.add(f"temp/uploads/{session}")
