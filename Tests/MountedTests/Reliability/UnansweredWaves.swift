extension MountedRoot {
  /// Has the server die with many operations carried out and unanswered at once.
  static let waves = #"""
    NAME_CHANGES = (CREATE, MKDIR, MKNOD, SYMLINK, LINK, UNLINK, RMDIR, RENAME)

    def locks(cell):
        """What the kernel holds until the operation is answered, of what not every cell has for itself."""
        kinds = KINDS[cell["operation"]]
        found = {cell[key] for key in ("parent", "present") if cell.get(key) is not None and "{t}" not in cell[key]}
        if not any(kind in NAME_CHANGES + (SETATTR, SETXATTR, REMOVEXATTR, FSYNC) for kind in kinds): found = set()
        if cell["operation"] == "rename_away": found.add("the lock of renames from folder to folder")
        return found

    def waves(places, every):
        """The cells, so that no two of a wave wait for each other.

        Of the places of which there is one for all, each operation has its turn at one in four, unless all are asked for.
        """
        made = []
        cells = [(i, dict(place, operation=o), (i + j) % 4) for i, o in enumerate(KINDS) for j, place in enumerate(places)]
        for number, (_, cell, turn) in enumerate(cells):
            mine = locks(cell)
            if mine and cell["kind"] == "shared" and turn and not every: continue
            wave = next((w for w in made if not w[1] & mine and len(w[0]) < 40), None)
            if wave is None:
                wave = ([], set())
                made.append(wave)
            wave[0].append((number, cell))
            wave[1].update(mine)
        return [cells for cells, _ in made]

    def run(cells):
        """Has the server die with all of these carried out and unanswered; what differs from what happens without."""
        alone = [Cell(number, cell, "a") for number, cell in cells]
        for twin in alone: twin.do()
        disturbed = [Cell(number, cell, "b") for number, cell in cells]
        wanted, begin = {}, threading.Event()
        def work(twin):
            twin.thread = threading.get_native_id()
            wanted[twin.thread] = KINDS[twin.operation]
            begin.wait()
            twin.do()
        threads = [threading.Thread(target=work, args=(twin,), daemon=True) for twin in disturbed]
        for thread in threads: thread.start()
        assert poll(lambda: len(wanted) == len(threads))
        process = server()
        holder = Holder(process)
        begin.set()
        def on_the_way(): return [c for t, c in zip(threads, disturbed) if t.is_alive() and c.thread not in holder.held]
        holder.run(wanted, lambda: not on_the_way())
        differences = [f"{c.operation} {c.present} was not carried out" for c in on_the_way()]
        holder.kill()
        for thread, twin in zip(threads, disturbed):
            thread.join(30)
            if thread.is_alive(): differences.append(f"{twin.operation} {twin.present} got no answer")
        assert poll(lambda: server() != process)
        for left, right, (_, cell) in zip(alone, disturbed, cells):
            for twin in (left, right): twin.close()
            where = f"{left.operation} {cell['place']} ({cell['kind']})"
            if left.prepared != right.prepared: differences.append(f"{where}: prepared {left.prepared}, {right.prepared}")
            if left.result != right.result:
                differences.append(f"{where}: {left.result}, but {right.result} after the kill")
            # The release of what was closed comes after the close.
            poll(lambda: left.state() == right.state(), 3)
            before, after = left.state(), right.state()
            for path in sorted(set(before) | set(after)):
                if before.get(path) != after.get(path):
                    differences.append(f"{where} ({left.result}): {path} {before.get(path)}, but {after.get(path)} after the kill")
        return len(holder.held), differences

    """# + "\n"
}
