"""Kills the server of a mount again and again while many work in it.

    soak.py --mount DIR --root DIR [--kills N | --minutes N] [--seed N]

Exits with 0 where no client saw an error or a wrong byte, figures and digests are right, and the server does not grow.
MAMMOFS_BINARY is the program; --minutes has it also replaced by itself and the tools at work, and says figures each minute.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from clients import Contender, Crowd, Owner, Replacer, Tools

# Three crashes in ten seconds would be the end of the mount, and one may be seen half a second late.
SHORTEST, LONGEST = 5.6, 6.2


class Mount:
    def __init__(self, path, root):
        self.path, self.root = path, root

    def server(self):
        with open(f"{self.root}/.mammofs/lock") as file:
            return int([line.split()[1] for line in file if line.startswith("process")][0])

    def supervisor(self):
        with open(f"/proc/{self.server()}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])

    def figures(self):
        """KiB of memory and descriptors of the server, KiB of the supervisor."""
        server = self.server()
        return resident(server), len(os.listdir(f"/proc/{server}/fd")), resident(self.supervisor())

    def stats(self):
        def counted():
            with open(f"{self.path}/.stats") as file:
                stats = json.load(file)
            return not stats.get("counting") and stats
        return poll(counted, 120)

    def walked(self):
        """Files and bytes below the documented tree."""
        count = size = 0
        for area in ("images", "thumbnails", "temp"):
            for folder, _, names in os.walk(f"{self.root}/{area}"):
                for name in names:
                    count += 1
                    size += os.lstat(f"{folder}/{name}").st_size
        return count, size


def resident(process):
    with open(f"/proc/{process}/status") as file:
        return int([line.split()[1] for line in file if line.startswith("VmRSS")][0])


def poll(condition, seconds):
    end = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return result


class Disturber:
    """Takes the server away, and measures how long nobody gets on."""

    def __init__(self, mount, crowd, chooser):
        self.mount, self.crowd, self.random = mount, crowd, chooser
        self.kills = self.upgrades = 0
        self.pauses = []

    def disturb(self, upgrade):
        before, begin, server = sum(self.crowd.done), time.monotonic(), self.mount.server()
        if upgrade:
            subprocess.run([os.environ["MAMMOFS_BINARY"], "upgrade", self.mount.path], check=True, capture_output=True)
            self.upgrades += 1
        else:
            os.kill(server, signal.SIGKILL)
            self.kills += 1
        def goes_on():
            return self.crowd.failures or self.mount.server() != server and sum(self.crowd.done) > before + 20
        assert poll(goes_on, 60), "nobody gets on"
        assert not self.crowd.failures, self.crowd.failures
        self.pauses.append(time.monotonic() - begin)


def run(arguments, mount, folder):
    crowd = Crowd(mount.path, arguments.seed)
    for _ in range(6):
        crowd.start(Owner)
    for _ in range(6):
        crowd.start(Contender)
    for _ in range(3):
        crowd.start(Replacer)
    if arguments.minutes:
        for _ in range(2):
            crowd.start(Tools, os.environ["MAMMOFS_BINARY"], folder)
    crowd.begin()
    disturber = Disturber(mount, crowd, random.Random(arguments.seed))
    begin = said = time.monotonic()
    first = None
    while True:
        if arguments.minutes and time.monotonic() - begin > arguments.minutes * 60:
            break
        if not arguments.minutes and disturber.kills >= arguments.kills:
            break
        time.sleep(disturber.random.uniform(SHORTEST, LONGEST if not arguments.minutes else 40))
        disturber.disturb(upgrade=arguments.minutes and disturber.random.randrange(6) == 0)
        if len(disturber.pauses) == 2:
            first = mount.figures()
        if arguments.minutes and time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"{(said - begin) / 60:4.0f} min: {report(crowd, disturber, mount)}", flush=True)
    crowd.end()
    last = mount.figures()
    print(f"seed {arguments.seed}: {report(crowd, disturber, mount)}; after two of them it was {first}", flush=True)
    assert not crowd.failures, crowd.failures
    assert last[0] < first[0] + 32768 and last[1] < first[1] + 64 and last[2] < first[2] + 8192, "it grows"


def report(crowd, disturber, mount):
    return (f"{sum(crowd.done)} operations, {disturber.kills} kills, {disturber.upgrades} upgrades, "
            f"longest pause {max(disturber.pauses) * 1000:.0f} ms, KiB and descriptors of the server, KiB of the "
            f"supervisor {mount.figures()}")


def look(mount):
    """What is left is what the figures say, and whole."""
    stats, walked = mount.stats(), mount.walked()
    assert (stats["fileCount"], stats["totalSize"]) == walked, f"{stats} is not {walked}"
    subprocess.run([os.environ["MAMMOFS_BINARY"], "verify", mount.path], check=True, capture_output=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mount", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("MAMMOFS_SEED") or random.randrange(1 << 30)))
    arguments = parser.parse_args()
    mount = Mount(arguments.mount, arguments.root)
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(arguments, mount, folder)
            look(mount)
        except AssertionError:
            with open(f"{mount.path}/.errors") as file:
                print("".join(file.readlines()[-20:]), end="", file=sys.stderr)
            raise


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"soak.py: {error}")
