"""What the preloaded library is told to let fail; see faults.c."""

import mmap
import os
import struct

READS, CHANGES, ALLOCATES = 1, 2, 4
FORMAT = "6i16s32s"


class Order:
    """One order at a time, to the one server that has the file mapped."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(bytes(4096))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 4096)

    def arm(self, kinds, at, error, forever=False, thread=""):
        """Lets the call number `at` of these kinds fail; with `at` 0 they are only counted."""
        struct.pack_into(FORMAT, self.map, 0, 0, at, error, forever, 0, 0, thread.encode(), b"")
        struct.pack_into("i", self.map, 0, kinds)

    def disarm(self):
        """Returns how many calls there were, how many failed, and the name of the first that did."""
        struct.pack_into("i", self.map, 0, 0)
        _, _, _, _, seen, failed, _, call = struct.unpack_from(FORMAT, self.map)
        return seen, failed, call.rstrip(b"\0").decode()
