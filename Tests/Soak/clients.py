"""Clients of a mount, each of which knows what must be there."""

import filecmp
import os
import random
import subprocess
import threading
import traceback


def write(path, content):
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    try:
        for start in range(0, len(content), 3000):
            os.write(file, content[start:start + 3000])
    finally:
        os.close(file)


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Crowd:
    """The clients of one run: it starts them, and hears what they did and what went wrong."""

    def __init__(self, mount, seed):
        self.mount, self.seed = mount, seed
        self.over = threading.Event()
        self.failures = []
        self.done = []
        self.threads = []

    def start(self, kind, *arguments):
        number = len(self.threads)
        self.done.append(0)
        client = kind(self, number, *arguments)
        self.threads.append(threading.Thread(target=self.drive, args=(client, number), daemon=True))

    def begin(self):
        for thread in self.threads:
            thread.start()

    def drive(self, client, number):
        try:
            while not self.over.is_set():
                client.step()
                self.done[number] += 1
            client.last()
        except BaseException as error:
            detail = getattr(error, "stderr", None) or getattr(error, "filename", None) or ""
            line = traceback.extract_tb(error.__traceback__)[-1].line
            self.failures.append(f"{type(client).__name__} {number}, {client.doing}: {error!r} {detail} in {line}")

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(120)
        if any(thread.is_alive() for thread in self.threads):
            self.failures.append("a client hangs")


class Client:
    doing = "nothing"

    def __init__(self, crowd, number):
        self.crowd, self.mount, self.number = crowd, crowd.mount, number
        self.random = random.Random(crowd.seed + number)

    def last(self):
        """Once everything is over."""


class Owner(Client):
    """Has a folder of its own, in which it copies, renames, deletes, reads back and uploads to."""

    def __init__(self, crowd, number):
        super().__init__(crowd, number)
        self.have = {}
        self.folder = f"{self.mount}/images/user-{number}/2026/11"
        os.makedirs(self.folder)
        os.mkdir(f"{self.mount}/temp/processing/{number}")

    def step(self):
        steps = [self.put, self.put, self.folders, self.upload]
        if self.have:
            steps += [self.move, self.remove, self.check, self.check]
        step = self.random.choice(steps)
        self.doing = step.__name__
        step()

    def last(self):
        self.doing = "last look"
        for path, content in self.have.items():
            assert read(path) == content, f"wrong bytes in {path}"

    def any(self):
        return self.random.choice(list(self.have))

    def put(self):
        path = f"{self.folder}/{self.random.randrange(6)}"
        content = self.random.randbytes(self.random.randrange(1, 20000))
        write(path, content)
        self.have[path] = content

    def move(self):
        source, target = self.any(), f"{self.folder}/{self.random.randrange(6)}"
        os.rename(source, target)
        self.have[target] = self.have[source] if source == target else self.have.pop(source)

    def remove(self):
        path = self.any()
        os.unlink(path)
        del self.have[path]

    def folders(self):
        path = f"{self.mount}/temp/processing/{self.number}/{self.random.randrange(3)}"
        os.mkdir(path)
        os.rename(path, path + "x")
        os.rmdir(path + "x")

    def check(self):
        path = self.any()
        assert read(path) == self.have[path], f"wrong bytes in {path}"
        names = sorted(os.path.basename(path) for path in self.have)
        assert sorted(os.listdir(self.folder)) == names, f"{os.listdir(self.folder)} are not {names}"

    def upload(self):
        session = f"{self.mount}/temp/uploads/s{self.number}-{self.crowd.done[self.number]}"
        chunks = [self.random.randbytes(5000) for _ in range(3)]
        os.mkdir(session)
        for number, chunk in enumerate(chunks):
            write(f"{session}/chunk_{number}", chunk)
        path = f"{self.folder}/up{self.random.randrange(4)}"
        if path in self.have:
            os.unlink(path)
        write(f"{session}/.complete", path[len(self.mount) + 1:].encode())
        self.have[path] = b"".join(chunks)
        # So that the store does not grow, and nothing with it.
        os.rmdir(session)


class Contender(Client):
    """One of several who work on the same names, where a file may be gone at any time."""

    def __init__(self, crowd, number):
        super().__init__(crowd, number)
        self.folder = f"{self.mount}/images/user-shared/2026/11"
        os.makedirs(self.folder, exist_ok=True)

    def step(self):
        path = f"{self.folder}/{self.random.randrange(5)}"
        try:
            self.doing = "write"
            write(path, bytes([self.number]) * 5000)
            self.doing = "rename"
            if self.random.randrange(3) == 0:
                os.rename(path, f"{self.folder}/{self.random.randrange(5)}")
            self.doing = "unlink"
            if self.random.randrange(3) == 0:
                os.unlink(path)
        except FileNotFoundError:
            pass


class Replacer(Client):
    """One of several who replace the same files, and who always find them there, whole."""

    SIZE = 5000

    def __init__(self, crowd, number):
        super().__init__(crowd, number)
        self.folder = f"{self.mount}/images/user-replaced/2026/11"
        os.makedirs(self.folder, exist_ok=True)
        for name in "ab":
            self.replace(f"{self.folder}/{name}")

    def replace(self, path):
        self.doing = "replace"
        new = f"{self.folder}/.{self.number}.tmp"
        write(new, bytes([self.number]) * self.SIZE)
        os.rename(new, path)

    def step(self):
        path = f"{self.folder}/{self.random.choice('ab')}"
        if self.random.randrange(4) == 0:
            return self.replace(path)
        self.doing = "look at what others replace"
        os.chmod(path, 0o644)
        os.listxattr(path)
        assert os.stat(path).st_size == self.SIZE
        content = read(path)
        assert content == content[:1] * self.SIZE, "not whole"


class Tools(Client):
    """Uses the tools that people use, on files of the size of mammograms."""

    def __init__(self, crowd, number, binary, folder):
        super().__init__(crowd, number)
        self.binary, self.folder = binary, f"{folder}/originals-{number}"
        os.mkdir(self.folder)
        for index in range(6):
            with open(f"{self.folder}/{index}.dcm", "wb") as file:
                file.write(self.random.randbytes(self.random.randrange(1 << 20, 12 << 20)))
        self.target = f"{self.mount}/images/user-tools{number}/2026"

    def run(self, *command):
        self.doing = " ".join(command[:2])
        # While a server is followed by another they wait; a minute is far beyond that.
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def step(self):
        os.makedirs(self.target, exist_ok=True)
        self.run("cp", "-r", self.folder, f"{self.target}/10")
        self.run("rsync", "-a", f"{self.folder}/", f"{self.target}/11/")
        names = os.listdir(self.folder)
        self.run(self.binary, "upload", f"{self.folder}/{names[0]}", self.mount,
                 "--sha256", "--to", f"images/user-tools{self.number}/2026/11/again.dcm")
        self.doing = "compare"
        for month in ("10", "11"):
            _, wrong, failed = filecmp.cmpfiles(self.folder, f"{self.target}/{month}", names, shallow=False)
            assert not wrong and not failed, f"{wrong} are not what was copied, {failed} cannot be read"
        self.run("rm", "-r", self.target)
