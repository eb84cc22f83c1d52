"""What a busy clinic does in the mount, each fact noted outside of it.

    load.py MOUNT FACTS SEED

A line of FACTS is JSON: what was begun and, when its call had returned, that it is done. It goes on until it is killed.
"""

import hashlib
import json
import os
import random
import sys
import threading
import time


class Notes:
    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, event, **what):
        os.write(self.file, (json.dumps({"t": time.monotonic_ns(), "event": event, **what}) + "\n").encode())


class Worker:
    """One client, with names of its own."""

    def __init__(self, mount, notes, seed, prefix):
        self.mount, self.notes, self.prefix = mount, notes, prefix
        self.random = random.Random(seed)
        self.count = 0
        # Sessions that nobody completes.
        self.left = []
        # Paths that are there, oldest first, and what is in them.
        self.files = []

    def content(self):
        size = self.random.choice([0, 700, 4096, 30_000, 120_000, 500_000, self.random.randrange(1, 2_500_000)])
        data = self.random.randbytes(size)
        return data, hashlib.sha256(data).hexdigest()

    def path(self, area="images"):
        self.count += 1
        folder = f"{area}/user-{self.prefix}/2026/{self.random.randrange(1, 4):02}"
        os.makedirs(f"{self.mount}/{folder}", exist_ok=True)
        return f"{folder}/{self.prefix}{self.count}" + ("_thumb.jpg" if area == "thumbnails" else ".dcm")

    def write(self, path, data, sync):
        with open(f"{self.mount}/{path}", "wb", buffering=0) as file:
            step = max(1, len(data) // self.random.choice([1, 1, 3, 8]))
            for start in range(0, len(data), step):
                file.write(data[start:start + step])
                if self.random.random() < 0.1:
                    time.sleep(self.random.random() * 0.05)
            if sync:
                (os.fsync if self.random.random() < 0.5 else os.fdatasync)(file.fileno())

    def synchronize(self, *folders):
        for folder in set(folders):
            opened = os.open(f"{self.mount}/{folder}", os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(opened)
            os.close(opened)

    def run(self):
        while True:
            self.step()
            if self.random.random() < 0.2:
                time.sleep(self.random.random() * 0.1)


class Images(Worker):
    """Copies, moves and deletes images."""

    def step(self):
        action = self.random.choices(
            [self.copy, self.through_work_name, self.from_workspace, self.move, self.replace, self.delete],
            [10, 3, 2, 3, 2, 1 if len(self.files) < 25 else 12])[0]
        action()

    def copy(self):
        data, digest = self.content()
        path, sync = self.path(self.random.choice(["images", "images", "thumbnails"])), self.random.random() < 0.3
        self.notes.add("write", path=path, sha=digest)
        self.write(path, data, sync)
        self.notes.add("written", path=path, sha=digest, durable=sync)
        self.files.append(path)

    def renamed(self, source, target):
        os.rename(f"{self.mount}/{source}", f"{self.mount}/{target}")
        sync = self.random.random() < 0.3
        if sync:
            self.synchronize(os.path.dirname(source), os.path.dirname(target))
        self.notes.add("moved", source=source, path=target, durable=sync)

    def through_work_name(self):
        """As rsync and editors do: a temporary name first, which may replace what is there."""
        data, digest = self.content()
        path = self.random.choice(self.files) if self.files and self.random.random() < 0.4 else self.path()
        work, sync = f"{os.path.dirname(path)}/.{os.path.basename(path)}.{self.count}", self.random.random() < 0.5
        self.notes.add("work", path=work, sha=digest)
        self.write(work, data, sync)
        self.notes.add("replace", path=path, sha=digest)
        os.rename(f"{self.mount}/{work}", f"{self.mount}/{path}")
        self.notes.add("replaced", path=path, sha=digest)
        if path not in self.files:
            self.files.append(path)

    def from_workspace(self):
        data, digest = self.content()
        self.count += 1
        source, path = f"temp/processing/{self.prefix}{self.count}", self.path()
        self.write(source, data, False)
        self.notes.add("replace", path=path, sha=digest)
        os.rename(f"{self.mount}/{source}", f"{self.mount}/{path}")
        self.notes.add("replaced", path=path, sha=digest)
        self.files.append(path)

    def move(self):
        if not self.files:
            return
        source = self.random.choice(self.files)
        path = self.path("thumbnails" if source.startswith("thumbnails") else "images")
        self.notes.add("move", source=source, path=path)
        self.renamed(source, path)
        self.files.remove(source)
        self.files.append(path)

    def replace(self):
        images = [path for path in self.files if path.startswith("images")]
        if len(images) < 2:
            return
        # The newest: perhaps nothing of it is on the disk yet.
        source, path = images[-1], self.random.choice(images[:-1])
        self.notes.add("move", source=source, path=path)
        self.renamed(source, path)
        self.files.remove(source)

    def delete(self):
        if not self.files:
            return
        path = self.files.pop(self.random.randrange(len(self.files)))
        self.notes.add("delete", path=path)
        os.unlink(f"{self.mount}/{path}")


class Uploads(Worker):
    """Chunked uploads, of which some are given up and some replace an image."""

    def step(self):
        self.count += 1
        session = f"temp/uploads/{self.prefix}{self.count}"
        os.mkdir(f"{self.mount}/{session}")
        size, whole, parts = self.random.randrange(1, 400_000), b"", []
        for index in range(self.random.randrange(1, 7)):
            data = self.random.randbytes(size if self.random.random() < 0.8 else self.random.randrange(1, 400_000))
            parts.append((index, data))
            whole += data
        order = parts[:] if self.random.random() < 0.5 else self.random.sample(parts, len(parts))
        for index, data in order:
            path, digest = f"{session}/chunk_{index}", hashlib.sha256(data).hexdigest()
            sync = self.random.random() < 0.3
            self.notes.add("write", path=path, sha=digest)
            self.write(path, data, sync)
            self.notes.add("written", path=path, sha=digest, durable=sync)
        end = self.random.random()
        if end < 0.2:
            return self.abandon(session)
        if end < 0.3:
            self.left.append(session)
            if len(self.left) > 8:
                self.abandon(self.left.pop(0))
            return
        overwriting = self.files and self.random.random() < 0.3
        path = self.random.choice(self.files) if overwriting else self.path()
        digest = hashlib.sha256(whole).hexdigest()
        self.notes.add("complete", path=path, sha=digest, session=session)
        marker = json.dumps({"path": path, "sha256": digest, "overwrite": bool(overwriting)})
        with open(f"{self.mount}/{session}/.complete", "wb", buffering=0) as file:
            file.write(marker.encode())
        self.notes.add("completed", path=path, sha=digest, session=session)
        if not overwriting:
            self.files.append(path)
        if self.random.random() < 0.8:
            self.abandon(session)
        while len(self.files) > 15:
            path = self.files.pop(0)
            self.notes.add("delete", path=path)
            os.unlink(f"{self.mount}/{path}")

    def abandon(self, session):
        self.notes.add("abandon", session=session)
        folder = f"{self.mount}/{session}"
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        os.rmdir(folder)


def main():
    mount, facts, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    notes = Notes(facts)
    workers = [Images(mount, notes, seed, "a"), Images(mount, notes, seed + 1, "b"), Uploads(mount, notes, seed + 2, "u")]

    def work(worker):
        try:
            worker.run()
        except BaseException as error:  # The load ends as a whole, and says why.
            print(f"load: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)

    for worker in workers:
        threading.Thread(target=work, args=(worker,), daemon=True).start()
    threading.Event().wait()


main()
