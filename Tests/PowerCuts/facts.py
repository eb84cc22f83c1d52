"""What must be on a disk whose power was cut at a moment, by what its clients had been told until then."""

import copy
import hashlib
import json

ABSENT = None
# Files of no bytes cannot be told from one another.
EMPTY = hashlib.sha256(b"").hexdigest()
# Nanoseconds after its close by which a file is on the disk, its name with it. mammofs says about five seconds.
SETTLED = 25_000_000_000
# And after which a name that was removed is gone from the disk, too: file systems do not wait longer with their journal.
GONE = 60_000_000_000


class Expected:
    """For each path the contents that it may have; and where else one may be that was moved."""

    def __init__(self):
        self.allowed = {}
        # Of contents that were durable when they were moved: the paths one of which has them.
        self.places = {}
        # By session: the path and content that its completion makes, and whether it is done.
        self.completions = {}
        self.abandoned = set()
        # Closed without fsync: when, by path.
        self.closed = {}
        # Removed, or renamed away: when, by path.
        self.gone = {}
        # The chunks of each session.
        self.chunks = {}

    def may_be(self, path, content):
        self.leave(path)
        self.allowed.setdefault(path, {ABSENT}).add(content)

    def must_be(self, path, content):
        self.leave(path)
        self.allowed[path] = {content}

    def leave(self, path):
        """What was at a path may be there no more."""
        self.closed.pop(path, None)
        self.gone.pop(path, None)
        self.places = {content: paths for content, paths in self.places.items() if path not in paths}

    def note(self, fact):
        path, digest = fact.get("path"), fact.get("sha")
        match fact["event"]:
            case "write" | "replace":
                self.may_be(path, digest)
                if path.startswith("temp/uploads/"):
                    self.chunks.setdefault(path.rpartition("/")[0], set()).add(path)
            case "written" if fact["durable"]:
                self.must_be(path, digest)
            case "written":
                self.closed[path] = fact["t"]
            case "delete":
                self.may_be(path, ABSENT)
                self.gone[path] = fact["t"]
            case "move":
                self.begin_move(fact["source"], path)
                self.gone[fact["source"]] = fact["t"]
            case "moved" if fact["durable"]:
                self.end_move(fact["source"], path)
                self.gone[fact["source"]] = fact["t"]
            case "complete":
                self.may_be(path, digest)
                self.completions[fact["session"]] = (path, digest, False)
            case "completed":
                self.must_be(path, digest)
                self.completions[fact["session"]] = (path, digest, True)
                self.gone.update((chunk, fact["t"]) for chunk in self.chunks.get(fact["session"], ()))
            case "abandon":
                self.abandoned.add(fact["session"])
                self.gone.update((chunk, fact["t"]) for chunk in self.chunks.get(fact["session"], ()))

    def begin_move(self, source, path):
        contents = self.allowed[source]
        # What was there for sure gives way to what replaces it, and to nothing else.
        before = self.allowed.get(path, {ABSENT})
        paths = {content: places for content, places in self.places.items() if source in places}
        self.leave(source)
        self.leave(path)
        self.allowed[path] = before | (contents - {ABSENT})
        self.allowed[source] = contents | {ABSENT}
        if len(contents) == 1 and ABSENT not in contents:
            paths[next(iter(contents))] = {source}
        for content, places in paths.items():
            if content != EMPTY:
                self.places[content] = places | {path}

    def end_move(self, source, path):
        here = [content for content, places in self.places.items() if path in places]
        contents = self.allowed[source] - {ABSENT}
        self.must_be(source, ABSENT)
        if len(here) == 1 and contents == {here[0]}:
            self.must_be(path, here[0])

    def settle(self, now):
        """What was closed long ago is on the disk, unless something has happened to it since."""
        for path, moment in list(self.closed.items()):
            if moment > now - SETTLED:
                continue
            del self.closed[path]
            if len(self.allowed[path]) == 2 and not path.startswith("temp/"):
                self.allowed[path].discard(ABSENT)
        for path, moment in list(self.gone.items()):
            if moment <= now - GONE:
                del self.gone[path]
                self.allowed.pop(path, None)
                self.chunks.pop(path.rpartition("/")[0], None)


class Facts:
    """The load's notes, read as far as a cut needs them."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.known = Expected()
        self.rest = []
        self.number = 0
        # The last facts about a path, for whoever has to find out what happened to it.
        self.history = {}

    def told(self, fact):
        for path in {fact.get("path"), fact.get("source"), fact.get("session")} - {None}:
            seconds = fact["t"] / 1e9
            self.history.setdefault(path, []).append(f"{seconds:.3f} {fact['event']} {fact.get('source', '')} {fact.get('durable', '')}")
            del self.history[path][:-6]

    def at(self, before, after):
        """What is expected of a disk cut between two moments."""
        for line in self.file:
            if not line.endswith(b"\n"):
                self.file.seek(-len(line), 1)
                break
            self.rest.append(json.loads(line))
        # Workers note at the same time, so that lines may be a little out of order; each worker's own are in order.
        while self.rest and self.rest[0]["t"] < before:
            fact = self.rest.pop(0)
            self.known.note(fact)
            self.told(fact)
            self.number += 1
        self.known.settle(before)
        expected = copy.deepcopy(self.known)
        for fact in self.rest:
            # Begun by then, perhaps; that it was done before the cut cannot be said.
            if fact["t"] <= after and fact["event"] not in ("written", "moved", "completed"):
                expected.note(fact)
        return expected
