"""Cuts the power of a disk under load again and again, and looks at what is left each time.

    power_cuts.py [--count N] [--fs ext4|xfs] [--seed N] [--keep]
"""

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from check import Check
from disk import Disk, Ground, run, unmount
from facts import Facts


def private():
    """Into a mount namespace of its own: what is mounted here goes with the last process."""
    if os.environ.get("POWER_CUTS_PRIVATE") is None:
        os.environ["POWER_CUTS_PRIVATE"] = "yes"
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        os.execvp("unshare", command)
    # Copies of others' mounts would keep their servers and loop devices from ending.
    with open("/proc/self/mountinfo") as table:
        for line in reversed(list(table)):
            if " - fuse" in line or " /dev/loop" in line:
                run("umount", "-l", line.split()[4].encode().decode("unicode_escape"), check=False)


def cut(count, kind, seed, folder, binary, keep):
    chance = random.Random(seed)
    print(f"{kind}: {count} cuts, seed {seed}", flush=True)
    ground = Ground(folder)
    disk = Disk(ground, kind, 1024, f"{folder}/disk")
    root, mount, facts_path = f"{folder}/disk/storage", f"{folder}/mnt", f"{folder}/facts"
    open(facts_path, "w").close()
    subprocess.run([binary, "mount", mount, "--root", root], check=True, timeout=60)
    program = f"{os.path.dirname(os.path.abspath(__file__))}/load.py"
    load = subprocess.Popen([sys.executable, program, mount, facts_path, str(seed)])
    facts, sums, bad = Facts(facts_path), collections.Counter(), 0
    try:
        for number in range(count):
            # Now and then long enough for what was closed to settle by itself.
            time.sleep(chance.choice([0.05, 0.3, 1, chance.random() * 3]))
            if load.poll() is not None:
                raise RuntimeError("the load has ended")
            image, before, after = disk.cut("clone")
            if keep:
                run("cp", "--reflink=always", image, f"{image}.kept")
            expected = facts.at(before, after)
            check = Check(binary, f"{folder}/clone/storage", f"{folder}/clone-mnt", expected)
            disk.mount_clone(image, f"{folder}/clone")
            try:
                faults = check.run(again=number % 4 == 0)
            finally:
                # There only where the look was interrupted.
                run("umount", f"{folder}/clone-mnt", check=False)
                unmount(f"{folder}/clone")
            sums.update(check.counts)
            bad += bool(faults)
            for fault, path in faults:
                print(f"{kind}: cut {number} at {before / 1e9:.3f}: {fault}", flush=True)
                for told in facts.history.get(path, []):
                    print(f"    {told}")
            for line in check.lines if keep else []:
                print(f"    {line}")
            if faults and keep:
                run("cp", "--reflink=never", "--sparse=always", f"{image}.kept", f"{keep}/{kind}-{seed}-{number}.img")
            os.unlink(image)
            if (number + 1) % 50 == 0:
                print(f"{kind}: {number + 1} cuts made, {bad} with faults", flush=True)
    finally:
        load.send_signal(signal.SIGKILL)
        load.wait()
        subprocess.run([binary, "unmount", mount], check=True, timeout=120)
        disk.close()
        ground.close()
    figures = ", ".join(f"{value} {name}" for name, value in sums.items())
    print(f"{kind}: {count} cuts, {bad} with faults; {facts.number} facts; looked at {figures}", flush=True)
    return bad


def ended(number, frame):
    sys.exit(128 + number)


def main():
    signal.signal(signal.SIGTERM, ended)
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--fs", choices=["ext4", "xfs"], action="append")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--keep", help="a folder for the images of cuts with faults")
    options = parser.parse_args()
    private()
    binary = os.path.abspath(os.environ.get("MAMMOFS_BINARY") or f"{os.path.dirname(__file__)}/../../.build/release/mammofs")
    bad = 0
    for kind in options.fs or ["ext4", "xfs"]:
        shared = shutil.disk_usage("/dev/shm").free if os.path.isdir("/dev/shm") else 0
        folder = tempfile.mkdtemp(prefix="mammofs-power-", dir="/dev/shm" if shared > 4 << 30 else None)
        try:
            bad += cut(options.count, kind, options.seed, folder, binary, options.keep)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if bad else 0)


main()
